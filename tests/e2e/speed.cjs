// How long a visitor waits: for the first paint with a cold cache, for a later page, for a hundred thousand rows.
//
// Each figure is printed. The best of several tries is held to the goal: the other tries tell how busy the machine is.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");
const { lists, ROWS } = require("./long.cjs");

const FIRST_PAINT_MS = 1_000;
const PAGE_MS = 100;
const SCROLL_MS = 200;
const TRIES = 12;

travel("speed", async (page, { url }) => {
  const paints = await best(FIRST_PAINT_MS, async () => {
    const visit = await page.context().browser().newContext();
    const cold = await visit.newPage();
    await cold.goto(`${url}/console/sign-in`);
    await cold.locator("#client-id").waitFor();
    const [paint, ready] = await cold.evaluate(() => [
      performance.getEntriesByName("first-contentful-paint")[0].startTime,
      performance.now(),
    ]);
    await visit.close();
    say("first visit, the form is there after", ready);
    return paint;
  });
  say("first contentful paint, cold cache", paints);

  await signIn(page);
  await home(page);
  for (const [link, ready] of [
    ["Models", ".rows tbody th a"],
    ["Services", "main tbody th a"],
    ["Operations", "main tbody th a"],
    ["Access", "#roles tbody th"],
    ["Overview", ".panel"],
  ]) {
    const took = await best(PAGE_MS, async () => {
      await page.getByRole("link", { name: "Accounts", exact: true }).click();
      await page.getByRole("heading", { level: 1, name: "Accounts" }).waitFor();
      return page.evaluate(go, [link, ready]);
    });
    say(`${link}, from the click to its content`, took);
  }

  await lists(page);
  await page.getByRole("link", { name: "Models", exact: true }).first().click();
  await page.getByText(ROWS.toLocaleString("en-GB")).first().waitFor();
  let at = 0;
  const rows = await best(SCROLL_MS, async () => {
    at += 7_001;
    return page.evaluate(jump, at);
  });
  say(`a jump within ${ROWS.toLocaleString("en-GB")} models`, rows);
  const frames = await page.evaluate(glide);
  say("slowest of 120 frames while scrolling", frames.slowest);
  assert.ok(frames.rows < 100, `${frames.rows} rows are drawn at once`);
});

/** Runs in the page: presses a link and waits for what it leads to. */
function go([link, ready]) {
  const anchor = [...document.querySelectorAll("#navigation a")].find((it) => it.textContent.trim() === link);
  const start = performance.now();
  anchor.click();
  return new Promise((done) => {
    const look = () => {
      const there = document.querySelector("h1")?.textContent === link && document.querySelector(ready);
      if (there || performance.now() - start > 10_000) done(performance.now() - start);
      else requestAnimationFrame(look);
    };
    look();
  });
}

/** Runs in the page: scrolls to a row and waits until it is drawn. */
function jump(row) {
  const scroller = document.querySelector(".rows");
  const start = performance.now();
  scroller.scrollTop = row * 52;
  return new Promise((done) => {
    const name = `model-${row + 1}`;
    const look = () => {
      const there = [...scroller.querySelectorAll("tbody th a")].some((it) => it.textContent.trim() === name);
      if (there || performance.now() - start > 10_000) done(performance.now() - start);
      else requestAnimationFrame(look);
    };
    look();
  });
}

/** Runs in the page: scrolls 26 px a frame. */
async function glide() {
  const scroller = document.querySelector(".rows");
  const frame = () => new Promise(requestAnimationFrame);
  let [slowest, rows] = [0, 0];
  for (let step = 0; step < 120; step += 1) {
    const start = performance.now();
    scroller.scrollTop += 26;
    await frame();
    slowest = Math.max(slowest, performance.now() - start);
    rows = Math.max(rows, scroller.querySelectorAll("tbody tr").length);
  }
  return { slowest, rows };
}

/** The best of several tries; stops at the first that reaches the goal after three. */
async function best(goal, attempt) {
  let least = Infinity;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    least = Math.min(least, await attempt());
    if (tries >= 3 && least < goal) break;
  }
  assert.ok(least < goal, `${least} ms; the goal is ${goal} ms`);
  return least;
}

function say(what, milliseconds) {
  console.log(`${what}: ${milliseconds.toFixed(0)} ms`);
}
