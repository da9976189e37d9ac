// A lost network and an ended session are said as what they are, and nothing typed is lost.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");

travel(
  "resilience",
  async (page, { clientId, clientSecret }) => {
    await signIn(page);
    const base = await home(page);
    await page.goto(`${base}/manifests/new`);
    await page.locator("#description").fill("half typed");

    await page.context().setOffline(true);
    await page.locator("#name").fill("kept");
    await page.locator("#navigation").getByText("Go to…").click();
    await page.getByRole("combobox", { name: "A page, a model" }).fill("anything");
    await page.getByText("The server cannot be reached. Trying again…").waitFor({ state: "attached" });
    await page.keyboard.press("Escape");
    await page.context().setOffline(false);
    await page.getByText("The server cannot be reached. Trying again…").waitFor({ state: "detached" });
    assert.equal(await page.locator("#description").inputValue(), "half typed");

    await page.context().clearCookies();
    await page.locator("#navigation").getByText("Go to…").click();
    await page.getByRole("combobox", { name: "A page, a model" }).fill("something");
    const again = page.getByRole("dialog", { name: "Your session has ended" });
    await again.waitFor();
    await again.locator("#again-client-id").fill(clientId);
    await again.locator("#again-client-secret").fill(clientSecret);
    await page.keyboard.press("Enter");
    await again.waitFor({ state: "hidden" });
    assert.equal(await page.locator("#description").inputValue(), "half typed");
    assert.equal(await page.locator("#name").inputValue(), "kept");
  },
  { expects: /Failed to load resource/ },
);
