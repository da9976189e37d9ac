// A list of a hundred thousand models that no server has to hold: the page asks, the test answers.

const ROWS = 100_000;

/** Answers the page's questions for models. */
async function lists(page) {
  await page.route(/\/accounts\/[^/]+\/models\?/, (route) => {
    const asked = new URL(route.request().url()).searchParams;
    const skip = Number(asked.get("$skip") ?? 0);
    const some = asked.get("search") ? 3 : ROWS;
    const top = Math.max(0, Math.min(Number(asked.get("count") ?? 100), some - skip));
    const value = Array.from({ length: top }, (_, place) => model(skip + place + 1));
    return route.fulfill({ json: { value, count: some } });
  });
}

function model(number) {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    name: `model-${number}`,
    version: 1,
    mimeType: "application/x-onnx",
    url: "http://localhost/model.onnx",
    description: null,
    tags: number % 3 === 0 ? ["third"] : null,
    createdAt: "2026-01-01T00:00:00Z",
    unpack: false,
    size: number,
    sha256: null,
  };
}

module.exports = { lists, ROWS };
