// Parts of the pages in a real browser: the long list, the command palette, and forms that check while one types.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");
const { lists, ROWS } = require("./long.cjs");

travel("parts", async (page) => {
  await signIn(page);
  const base = await home(page);
  await longList(page, base);
  await palette(page, base);
  await forms(page, base);
});

async function longList(page, base) {
  await lists(page);
  await page.goto(`${base}/models`);
  const link = (number) => page.getByRole("link", { name: `model-${number}`, exact: true });
  await link(1).waitFor();
  const scroller = page.locator(".rows");
  assert.ok((await page.locator(".rows tbody tr").count()) < 100, "only rows in sight are drawn");

  await scroller.focus();
  await page.keyboard.press("End");
  await link(ROWS).waitFor();
  assert.equal(await link(1).count(), 0, "the first row is not kept");
  await page.keyboard.press("Home");
  await link(1).waitFor();
  await page.keyboard.press("PageDown");
  await page.waitForFunction(() => document.querySelector(".rows").scrollTop > 100);

  await page.getByRole("searchbox", { name: "Search models" }).fill("model");
  await page.getByText("3 in all").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("search"), "model");
  assert.equal(await scroller.evaluate((element) => element.scrollTop), 0, "a new answer is shown from its start");
  await page.unroute(/\/accounts\/[^/]+\/models\?/);
}

async function palette(page, base) {
  await page.goto(`${base}/operations`);
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  const field = page.getByRole("combobox", { name: /A page/ });
  const chosen = () => page.locator("[role=option][aria-selected=true]").innerText();

  await page.keyboard.press("Control+K");
  await field.waitFor();
  await page.keyboard.press("Escape");
  await field.waitFor({ state: "hidden" });
  await page.keyboard.press("Control+K");
  await field.fill("ima");
  await page.getByRole("option", { name: "Images" }).waitFor();
  const first = await chosen();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  assert.equal(await chosen(), first, "down and up lead back");
  await field.fill("no such thing anywhere");
  await page.locator("dialog[open] [role=status]").getByText("Nothing matches").waitFor();
  await field.fill("sett des");
  await field.fill("design");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Design system" }).waitFor();
}

async function forms(page, base) {
  await page.goto(`${base}/models/new`);
  const name = page.locator("#name");
  const error = page.locator("#name-error");
  await name.focus();
  assert.equal((await error.innerText()).trim(), "", "an empty field is not scolded");
  await name.fill("not a name!");
  await page.waitForFunction(() => document.querySelector("#name").getAttribute("aria-invalid") === "true");
  assert.ok((await error.innerText()).length > 5, "the broken rule is said");
  assert.ok(await page.getByRole("button", { name: "Upload and register" }).isDisabled());
  await name.fill("a-name");
  await page.waitForFunction(() => !document.querySelector("#name").hasAttribute("aria-invalid"));

  await page.getByRole("button", { name: "URL", exact: true }).click();
  await page.locator("#url").fill("ftp://files.example/model.onnx");
  await page.getByText("An address that begins with http:// or https://").waitFor();
  assert.ok(await page.getByRole("button", { name: "Register", exact: true }).isDisabled());
  await page.locator("#url").fill("https://files.example/model.onnx");
  assert.ok(await page.getByRole("button", { name: "Register", exact: true }).isEnabled());
  await page.locator("#tags").fill("one,".repeat(200));
  await page.waitForFunction(() => document.querySelector("#tags").getAttribute("aria-invalid") === "true");
}
