// What is known is changed in place: what is said of a model, who may do what; and the audit log tells of it.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");

travel("editing", async (page, { model }) => {
  await signIn(page);
  const base = await home(page);

  await page.goto(`${base}/models/${model}`);
  const details = page.locator("#details");
  await edit(page, "Benign or malignant", "tabular, reviewed");
  await details.getByText("Benign or malignant").waitFor();
  await details.getByRole("link", { name: "reviewed" }).waitFor();
  await page.reload();
  await details.getByRole("link", { name: "tabular" }).waitFor();
  await edit(page, "", "reviewed");
  await details.getByRole("link", { name: "tabular" }).waitFor({ state: "detached" });
  assert.ok(!(await details.innerText()).includes("Benign"), "a cleared description is gone");

  await page.goto(`${base}/access/principals`);
  await page.getByRole("button", { name: "New service principal" }).click();
  await page.getByLabel("Display name").fill("reporter");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const card = page.locator(".card", { hasText: "reporter" });
  await card.getByRole("button", { name: /Take away Reader/ }).click();
  await card.getByText("None yet").waitFor();
  await card.getByRole("button", { name: "Give a role" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Role").selectOption("Contributor");
  await dialog.getByRole("button", { name: "Give a role" }).click();
  await card.getByText(/Contributor ·/).waitFor();

  await page.goto(`${base}/access/audit`);
  const entries = page.locator("tbody tr");
  await entries.filter({ hasText: "PATCH {account}/models/{id}" }).nth(1).waitFor();
  const all = await entries.count();
  await page.getByRole("searchbox", { name: "Search the log" }).fill("roleAssignments");
  await entries.filter({ hasText: "PATCH {account}/models/{id}" }).first().waitFor({ state: "detached" });
  const found = await entries.count();
  assert.ok(found >= 2 && found < all, `${found} of ${all} entries are of roles`);
});

async function edit(page, description, tags) {
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByLabel("Description").fill(description);
  await dialog.getByLabel("Tags").fill(tags);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
}
