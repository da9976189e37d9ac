// Sign in and deploy without touching a mouse: Tab, type, Enter; and go somewhere with Ctrl-K.

const assert = require("node:assert");
const { travel } = require("./browser.cjs");

travel("keyboard", async (page, { url, clientId, clientSecret, model }) => {
  await page.goto(`${url}/console/sign-in`);
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await tabTo(page, "client-id");
  await page.keyboard.type(clientId);
  await tabTo(page, "client-secret");
  await page.keyboard.type(clientSecret);
  await page.keyboard.press("Enter");

  await pressLink(page, "Models");
  await pressLink(page, "Upload model");
  await tabTo(page, "model-file");
  // The file dialog is the operating system's; what it would hand over is handed over here.
  await page.locator("#model-file").setInputFiles(model);
  await tabTo(page, "name");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: /typed/ }).waitFor();
  assert.equal(await focused(page, (element) => element?.tagName), "H1", "the heading has the focus");

  await pressLink(page, "Deploy");
  await page.locator("#service-name").waitFor();
  await tabTo(page, "service-name");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("typed-service");
  await page.keyboard.press("Enter");
  await page.waitForURL(/services\/typed-service\/try-it/);

  await page.keyboard.press("Control+K");
  await page.getByRole("combobox", { name: /A page/ }).waitFor();
  await page.keyboard.type("typed v1");
  await page.getByRole("option", { name: /typed v1/ }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: /typed v1/ }).waitFor();

  // All boxes of a drawing are one stop; arrows go through them, and the drawing follows.
  await pressLink(page, "Graph");
  await tabTo(page, "graph-node-0");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(page, (element) => element?.id), "graph-node-1");
  await page.keyboard.press("Enter");
  await page.locator("#node .graph-name").waitFor();
  for (let step = 0; step < 10; step += 1) await page.keyboard.press("+");
  await page.keyboard.press("End");
  const inside = await focused(page, (element) => {
    const box = element.getBoundingClientRect();
    const window = element.closest(".graph-window").getBoundingClientRect();
    return box.top >= window.top && box.bottom <= window.bottom;
  });
  assert.ok(inside, "the drawing follows the focus");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page, (element) => element?.closest(".graph-window")), null);
});

function focused(page, look) {
  return page.evaluate(`(${look})(document.activeElement)`);
}

async function tabTo(page, id) {
  await page.locator(`#${id}`).waitFor({ state: "attached" });
  for (let step = 0; step < 80; step += 1) {
    if ((await focused(page, (element) => element?.id)) === id) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`80 times Tab did not reach #${id}`);
}

async function pressLink(page, name) {
  await page.getByRole("link", { name, exact: true }).first().waitFor();
  for (let step = 0; step < 80; step += 1) {
    const at = await focused(page, (element) => [element?.tagName, element?.innerText.trim()]);
    if (at[0] === "A" && at[1] === name) return page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
  }
  throw new Error(`80 times Tab did not reach the link ${name}`);
}
