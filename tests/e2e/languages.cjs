// The browser's language decides, then the reader's choice; every page speaks one language only.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");

travel(
  "languages",
  async (page) => {
    await signIn(page);
    await home(page);
    await page.getByRole("heading", { level: 1, name: "개요" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ko");
    await page.getByRole("link", { name: "모델", exact: true }).first().click();
    await page.getByRole("heading", { level: 1, name: "모델" }).waitFor();

    await page.locator("#language").selectOption("ja");
    await page.getByRole("heading", { level: 1, name: "モデル" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "ja");

    await page.locator("#language").selectOption("zh-Hant");
    await page.getByRole("heading", { level: 1, name: "模型" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name: "模型" }).waitFor();
  },
  { locale: "ko-KR" },
);
