// Sign in → upload → deploy → try it → see the result, as somebody does who has just followed the link.

const assert = require("node:assert");
const { travel } = require("./browser.cjs");

/** The goal is one second; a loaded machine is given twenty. */
const FIRST_PAINT_MS = 20_000;

travel("journey", async (page, { url, signInLink, model, table }) => {
  const link = new URL(signInLink);
  await page.goto(url + link.pathname + link.hash);
  await page.getByRole("link", { name: "Models", exact: true }).first().click();
  assert.ok(!page.url().includes(link.hash.slice(1)), "the token left the address bar");
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  assert.ok(painted < FIRST_PAINT_MS, `first contentful paint after ${painted} ms`);

  await page.getByRole("link", { name: "Upload model" }).first().click();
  await page.locator("#model-file").setInputFiles(model);
  await page.locator("#name").fill("cancer");
  await page.getByRole("button", { name: "Upload and register" }).click();
  await page.getByRole("heading", { level: 1, name: /cancer/ }).waitFor();
  // The columns are folded away until somebody asks for them.
  await page.getByText("mean radius").first().waitFor({ state: "attached" });

  await page.getByRole("link", { name: "Graph", exact: true }).click();
  await page.locator(".graph-node", { hasText: "TreeEnsembleClassifier" }).click();
  await page.locator("#node").getByText("nodes_treeids").waitFor();

  await page.getByRole("link", { name: "Deploy" }).first().click();
  await page.locator("#service-name").fill("cancer-service");
  await page.getByRole("button", { name: "Deploy" }).click();
  await page.waitForURL(/services\/cancer-service\/try-it/);

  await page.getByRole("button", { name: "Send", exact: true }).click();
  const answer = page.locator("#answer");
  await answer.getByText("predict_proba").waitFor();
  const said = await answer.innerText();
  const numbers = [...said.matchAll(/0\.\d+/g)].map(Number);
  assert.ok(numbers.length >= 2, `two probabilities in ${said}`);

  await page.getByRole("button", { name: "Run here" }).click();
  await page.locator("#tab").getByText(/Same answer as the server|At most .* apart/).waitFor();
  assert.match(await page.locator("#tab").innerText(), /predict_proba/);

  const command = page.locator("#command");
  assert.match(await command.innerText(), /curl/);
  for (const language of ["Python", "JavaScript", "C#", "R", "Rust"]) {
    await command.getByRole("button", { name: language, exact: true }).click();
    const code = await command.locator("pre").innerText();
    assert.ok(code.includes("/api/v1/service/cancer-service/score"), code);
  }

  await page.getByRole("button", { name: "CSV", exact: true }).click();
  await page.locator("#table").fill(table);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.locator("#history tbody tr").nth(1).waitFor();
  await page.getByRole("button", { name: "Edit and send" }).last().click();
  assert.match(await page.locator("#document").inputValue(), /"data"/);

  await page.reload();
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
});
