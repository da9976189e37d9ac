// Sign in → upload → deploy → try it → see the result, as somebody does who has just followed the link.

const assert = require("node:assert");
const { travel } = require("./browser.cjs");

travel("journey", async (page, { url, signInLink, model }) => {
  const link = new URL(signInLink);
  await page.goto(url + link.pathname + link.hash);
  await page.getByRole("link", { name: "Models" }).first().click();
  assert.ok(!page.url().includes(link.hash.slice(1)), "the token left the address bar");

  await page.getByRole("link", { name: "Upload model" }).first().click();
  await page.locator("#model-file").setInputFiles(model);
  const name = page.getByLabel("Name");
  await name.fill("cancer");
  await page.getByRole("button", { name: "Upload and register" }).click();
  await page.getByRole("heading", { level: 1, name: /cancer/ }).waitFor();
  // The columns are folded away until somebody asks for them.
  await page.getByText("mean radius").first().waitFor({ state: "attached" });

  await page.getByRole("link", { name: "Deploy" }).first().click();
  await page.getByLabel("Service name").fill("cancer-service");
  await page.getByRole("button", { name: "Deploy" }).click();
  await page.waitForURL(/services\/cancer-service\/try-it/);

  await page.getByRole("button", { name: "Send" }).click();
  const answer = page.locator("#answer");
  await answer.getByText("predict_proba").waitFor();
  const said = await answer.innerText();
  const numbers = [...said.matchAll(/0\.\d+/g)].map(Number);
  assert.ok(numbers.length >= 2, `two probabilities in ${said}`);

  const command = await page.locator("#command").innerText();
  assert.match(command, /curl/);
  assert.ok(command.includes("/api/v1/service/cancer-service/score"), command);

  await page.reload();
  await page.getByRole("button", { name: "Send" }).waitFor();
});
