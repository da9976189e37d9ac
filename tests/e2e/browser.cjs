// Chromium for the journeys: started, watched, photographed when something goes wrong.
//
// A journey fails on whatever the page complains about (an exception, a console error, a breach of the content
// security policy), not only on what it looks for itself. Screenshots of a failure go to the folder of the settings.

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What the Rust side tells: `{url, signInLink, clientId, clientSecret, model, table, screenshots, chromium}`. */
const settings = JSON.parse(process.env.JOURNEY);

/**
 * Runs `journey(page, settings)` on a fresh profile and ends the process with its verdict.
 * `options.expects` is what the page may complain about; everything else goes to the browser's context.
 */
async function travel(name, journey, { expects, ...options } = {}) {
  const browser = await chromium.launch({ executablePath: settings.chromium, args: FLAGS });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce",
    locale: "en-GB",
    ...options,
  });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => {
    if (!expects?.test(text)) complaints.push(text);
  };
  page.on("pageerror", (error) => complain(`exception: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") complain(`console: ${message.text()} (${message.location().url})`);
  });
  let failure;
  try {
    await journey(page, settings);
    if (complaints.length > 0) failure = new Error("the page complained");
  } catch (error) {
    failure = error;
  }
  if (failure) {
    fs.mkdirSync(settings.screenshots, { recursive: true });
    const picture = path.join(settings.screenshots, `${name}.png`);
    await page.screenshot({ path: picture, fullPage: true }).catch(() => {});
    console.error(`${name} failed at ${page.url()}; see ${picture}`);
    console.error(failure.stack ?? failure);
    complaints.forEach((complaint) => console.error(complaint));
  }
  await browser.close();
  process.exit(failure ? 1 : 0);
}

/** Signs in with the client's id and secret. */
async function signIn(page) {
  await page.goto(`${settings.url}/console/sign-in`);
  await page.locator("#client-id").fill(settings.clientId);
  await page.locator("#client-secret").fill(settings.clientSecret);
  await page.keyboard.press("Enter");
  await page.locator("#navigation nav a").first().waitFor();
}

/** The address of the account's first page, once there is one. */
async function home(page) {
  await page.waitForURL(/\/console\/accounts\/[^/]+/);
  return settings.url + new URL(page.url()).pathname.match(/^\/console\/accounts\/[^/]+/)[0];
}

module.exports = { travel, signIn, home, settings };
