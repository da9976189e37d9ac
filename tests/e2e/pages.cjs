// Every page: no breach that axe can find, in light and in dark, and nothing to scroll sideways at 360 px.

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { travel, signIn, home, settings } = require("./browser.cjs");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

travel(
  "pages",
  async (page, { url, pages }) => {
    const breaches = [];
    await page.goto(`${url}/console/sign-in`);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    breaches.push(...(await look(page, "sign-in")));
    await signIn(page);
    const base = await home(page);
    for (const path of pages) {
      await page.goto(base + path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      // Everything that is on its way has come.
      await page.locator(".waiting").first().waitFor({ state: "detached" });
      breaches.push(...(await look(page, path || "/overview")));
      const below = /^\/(models|manifests|images|services|operations)\/|^\/deploy/.test(path);
      const way = await page.locator(".crumbs a").count();
      if (below && way === 0) breaches.push(`${path}: no way back to what it is part of`);
    }
    assert.deepEqual(breaches, []);
  },
  // axe is put into the page by evaluation, which the console's policy rightly forbids to everybody else.
  { bypassCSP: true },
);

async function look(page, name) {
  const breaches = [];
  await page.evaluate(AXE);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
    for (const violation of violations) {
      const places = violation.nodes.map((node) => node.target.join(" ")).slice(0, 5);
      breaches.push(`${name} (${colorScheme}): ${violation.id}: ${violation.help}: ${places.join(", ")}`);
    }
    await keep(page, name, colorScheme);
  }
  const wide = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) breaches.push(`${name}: ${overflow} px too wide for a screen of 360`);
  await keep(page, name, "360");
  await page.setViewportSize(wide);
  return breaches;
}

/** Pictures of every page, for those who ask for them. */
async function keep(page, name, how) {
  if (!settings.gallery) return;
  fs.mkdirSync(settings.gallery, { recursive: true });
  const file = `${name.replaceAll("/", "_").replace(/^_/, "")}-${how}.png`;
  await page.screenshot({ path: path.join(settings.gallery, file), fullPage: true });
}
