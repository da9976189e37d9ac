// Where everything stands and how it looks, page by page, against what was kept in `layout/`.
//
// What is compared are boxes and colours instead of pixels: they do not depend on how a machine smooths its letters,
// and a change of them can be read. Fonts come from a pinned package, moments and addresses are the same every time.
// `LAYOUT_WRITE=1` keeps what is there now; look at the pictures (`GALLERY=folder`) before you do.

const fs = require("node:fs");
const path = require("node:path");
const { travel, signIn, home, settings } = require("./browser.cjs");

const KEPT = path.join(__dirname, "layout");
/** Pixels that a box may be off. */
const SLACK = 3;
/** Lines that are kept of a long page. */
const MOST = 80;
const NOW = new Date("2026-01-02T12:00:00Z");
const THEN = "2026-01-02T11:00:00Z";
const NO_ID = "00000000-0000-4000-8000-000000000000";
const WHAT =
  "nav, section, h1, h2, h3, th, button, a.button, input, select, textarea, .badge, .note, .empty, pre, dt, .tabs a";

const face = (family, file, weight) => {
  const bytes = fs.readFileSync(require.resolve(`@fontsource/${file}`)).toString("base64");
  return `@font-face { font-family: ${family}; font-weight: ${weight}; src: url(data:font/woff2;base64,${bytes}); }`;
};
const STYLE = [
  face("Kept", "dejavu-sans/files/dejavu-sans-latin-400-normal.woff2", "100 500"),
  face("Kept", "dejavu-sans/files/dejavu-sans-latin-700-normal.woff2", "501 900"),
  face("KeptMono", "dejavu-mono/files/dejavu-mono-latin-400-normal.woff2", "100 900"),
  ":root:root:root { --font: Kept; --latin: Kept; --mono: KeptMono; }",
].join("\n");

travel(
  "layout",
  async (page, { pages }) => {
    await page.clock.setFixedTime(NOW);
    await page.addInitScript((style) => {
      addEventListener("DOMContentLoaded", () => {
        document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
      });
    }, STYLE);
    await page.route(/\/api\//, async (route) => {
      const request = route.request();
      const stream = /event-stream/.test(request.headers().accept ?? "");
      if (request.method() !== "GET" || stream) return route.fallback();
      // What an operator takes is another time in every run: it is never told here.
      if (/\/costs\?/.test(request.url())) return undefined;
      const response = await route.fetch();
      if (!/json/.test(response.headers()["content-type"] ?? "")) return route.fulfill({ response });
      await route.fulfill({ response, body: same(request.url(), await response.text()) });
    });
    await signIn(page);
    const base = await home(page);
    const apart = [];
    for (const [name, address] of Object.entries(pages)) {
      await page.goto(base + address);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator(".waiting").first().waitFor({ state: "detached" });
      await page.evaluate(() => document.fonts.ready);
      const seen = [];
      for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [360, "light"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const there = await page.evaluate(boxes, [WHAT, name === "overview" ? "body" : "main"]);
        // In the dark everything stands where it stands; what is new is the colours.
        const looks = there.map((line) => line.replace(/ “.*? \| .*? \| /, " | "));
        const lines = colorScheme === "dark" ? [...new Set(looks)] : there.slice(0, MOST);
        seen.push(`# ${width} ${colorScheme}`, ...lines);
        if (settings.gallery) {
          fs.mkdirSync(settings.gallery, { recursive: true });
          const file = path.join(settings.gallery, `layout-${name}-${width}-${colorScheme}.png`);
          await page.screenshot({ path: file, fullPage: true });
        }
      }
      await page.setViewportSize({ width: 1280, height: 900 });
      const file = path.join(KEPT, `${name}.txt`);
      if (settings.write) {
        fs.mkdirSync(KEPT, { recursive: true });
        fs.writeFileSync(file, `${seen.join("\n")}\n`);
        continue;
      }
      apart.push(...differences(name, fs.readFileSync(file, "utf8").trimEnd().split("\n"), seen));
    }
    if (apart.length > 0) throw new Error(`${apart.slice(0, 40).join("\n")}\n${apart.length} lines differ`);
  },
  // The font is put into the page by a style of the test's own.
  { bypassCSP: true },
);

/** An answer with the same moments and addresses every time, and the same ids where they are not in columns. */
function same(url, text) {
  const free = /\/api\/(servicePrincipals|audit)/.test(url);
  const ids = free ? text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, NO_ID) : text;
  return ids.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, THEN).replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:8080");
}

/** Runs in the page: what, where, how large, in which colours. */
function boxes([what, within]) {
  const said = (element) => {
    const text = element.getAttribute("aria-label") ?? element.innerText ?? "";
    return text.trim().split("\n")[0].replace(/[0-9a-f]{8}[0-9a-f-]*|\d+(\.\d+)?/g, "0").slice(0, 24);
  };
  const lines = [];
  for (const element of document.querySelector(within).querySelectorAll(what)) {
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || element.closest("dialog, .visually-hidden")) continue;
    const { color, backgroundColor, fontSize } = getComputedStyle(element);
    const place = [box.x + scrollX, box.y + scrollY, box.width, box.height].map(Math.round).join(" ");
    lines.push(`${element.tagName.toLowerCase()} “${said(element)}” | ${place} | ${fontSize} ${color} ${backgroundColor}`);
  }
  return lines;
}

function differences(page, kept, seen) {
  const near = (one, other) => {
    const [a, b] = [one.split(" | "), other.split(" | ")];
    if (a.length !== 3 || b.length !== 3) return one === other;
    if (a[0] !== b[0] || a[2] !== b[2]) return false;
    const [p, q] = [a[1], b[1]].map((place) => place.split(" ").map(Number));
    return p.every((number, at) => Math.abs(number - q[at]) <= SLACK);
  };
  const apart = [];
  let part = "";
  for (let at = 0; at < Math.max(kept.length, seen.length); at += 1) {
    if (seen[at]?.startsWith("#")) part = seen[at];
    if (kept[at] === undefined || seen[at] === undefined || !near(kept[at], seen[at])) {
      apart.push(`${page} ${part}: kept ${kept[at]}, now ${seen[at]}`);
    }
  }
  return apart;
}
