// Fills charts as Portmaster's own interface does: a point for every ten seconds, from the newest datum to the present of
// the browser. What came of it is in `window.seen`.

const STEP = 10;
const ROUNDS = 4;

async function ask(path, body) {
  const answer = await fetch(`/api/v1/${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// The points of a chart up to the present.
function filled(points) {
  const all = [...points];
  const newest = all.length === 0 ? 0 : all[all.length - 1].timestamp;
  for (let at = newest + STEP; at < Date.now() / 1000; at += STEP) all.push({ timestamp: at, value: 0 });
  return all;
}

function draw(canvas, points, value) {
  const context = canvas.getContext("2d");
  const most = points.reduce((most, point) => Math.max(most, value(point)), 1);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.beginPath();
  points.forEach((point, at) => {
    context.lineTo((at / points.length) * canvas.width, canvas.height * (1 - value(point) / most));
  });
  context.stroke();
}

// How long a frame takes in which something is done, in milliseconds.
function frame(work) {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const begun = performance.now();
      work();
      requestAnimationFrame(() => done(performance.now() - begun));
    });
  });
}

async function round() {
  const [active, bandwidth, rows] = await Promise.all([
    ask("netquery/charts/connection-active", { query: {} }),
    // The first cores count no traffic over time.
    location.search.includes("active") ? {} : ask("netquery/charts/bandwidth", { interval: STEP, query: {} }),
    ask("netquery/query", { select: [{ $count: { field: "*", as: "count" } }], query: { active: { $eq: true } } }),
  ]);
  const charts = [
    ["active", active.results ?? [], (point) => point.value + (point.countBlocked ?? 0)],
    ["bandwidth", bandwidth.results ?? [], (point) => point.incoming ?? 0],
  ].filter(([name]) => name !== "bandwidth" || bandwidth.results);
  let points = 0;
  const took = await frame(() => {
    for (const [name, data, value] of charts) {
      const all = filled(data);
      points += all.length;
      draw(document.getElementById(name), all, value);
    }
  });
  return { took, points, active: rows.results[0].count, chart: active.results ?? [], traffic: bandwidth.results ?? [] };
}

async function run() {
  const rounds = [];
  for (let number = 0; number < ROUNDS; number += 1) rounds.push(await round());
  window.seen = rounds;
  document.body.dataset.ready = "yes";
}

// How many points there would be, without making them.
window.toFill = async () => {
  const { results } = await ask("netquery/charts/connection-active", { query: {} });
  return Math.floor((Date.now() / 1000 - results[results.length - 1].timestamp) / STEP);
};

window.round = round;

if (!location.search.includes("wait")) run().catch((fault) => console.error(String(fault)));
