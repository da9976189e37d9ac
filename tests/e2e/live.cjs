// Live views that are looked at for long: under traffic, what they keep in memory stops growing.

const assert = require("node:assert");
const { travel, signIn, home } = require("./browser.cjs");

/** Growth between the middle and the end that is noise. */
const HEAP_SLACK = 3 << 20;
const NODES_SLACK = 600;

travel("live", async (page, { url, key, seconds }) => {
  await page.context().addInitScript(() => {
    addEventListener("TrunkApplicationStarted", (event) => {
      window.moduleMemory = event.detail.wasm.memory;
    });
  });
  await signIn(page);
  const base = await home(page);
  const other = await page.context().newPage();
  const looks = [
    [page, `${base}`, "#traffic, .chart"],
    [other, `${base}/services/cancer/metrics`, ".chart"],
  ];
  for (const [tab, address, ready] of looks) {
    await tab.goto(address);
    await tab.locator(ready).first().waitFor();
  }

  const kept = [];
  const start = Date.now();
  while (Date.now() - start < seconds * 1_000) {
    await traffic(url, key, seconds * 1_000 / 40);
    kept.push([await memory(page), await memory(other)]);
  }
  assert.ok(kept.length >= 8, `${kept.length} looks at the memory`);

  looks.forEach(([, address], view) => {
    // A chart is full after some minutes; what grows after the middle grows for ever.
    const seen = kept.map((both) => both[view]);
    const [middle, end] = [seen.slice(seen.length / 2, (seen.length * 3) / 4), seen.slice((seen.length * 3) / 4)];
    for (const [what, slack] of [["heap", HEAP_SLACK], ["module", HEAP_SLACK], ["nodes", NODES_SLACK]]) {
      const [before, after] = [middle, end].map((part) => Math.min(...part.map((it) => it[what])));
      console.log(`${address.slice(base.length) || "/overview"}, ${what}: ${seen[0][what]}, then ${before}, at last ${after}`);
      assert.ok(after - before < slack, `${what} of ${address} grows: ${seen.map((it) => it[what])}`);
    }
  });
  await other.close();
});

/** Calls for some milliseconds, a wrong one among ten. */
async function traffic(url, key, milliseconds) {
  const end = Date.now() + milliseconds;
  for (let call = 0; Date.now() < end; call += 1) {
    const body = call % 10 === 9 ? "{}" : JSON.stringify({ data: [Array(30).fill(call % 7)] });
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(`${url}/api/v1/service/cancer/score`, { method: "POST", headers, body });
    await answer.arrayBuffer();
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** What a tab keeps once its garbage is gone. */
async function memory(tab) {
  const tools = await tab.context().newCDPSession(tab);
  await tools.send("HeapProfiler.collectGarbage");
  await tools.send("Performance.enable");
  const { metrics } = await tools.send("Performance.getMetrics");
  const told = (name) => metrics.find((it) => it.name === name).value;
  const module = await tab.evaluate(() => window.moduleMemory.buffer.byteLength);
  await tools.detach();
  return { heap: told("JSHeapUsedSize"), module, nodes: told("Nodes") };
}
