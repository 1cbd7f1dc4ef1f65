"use strict";
// The page asks the control plane, shows what it answers, and sends what a person clicks. It keeps no state of the world.

const COUNTRIES = [/*countries*/];
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let token = sessionStorage.getItem("token") ?? "";
let glance = null;
let working = 0;

// ---- asking

async function ask(method, path, body, type = "application/json") {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = type;
  const payload = body === undefined || typeof body === "string" || body instanceof Blob ? body : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: payload });
  if (answer.status === 401) {
    $("login").hidden = false;
    throw new Error("The control plane asks for its token.");
  }
  const json = (answer.headers.get("content-type") ?? "").includes("json");
  const value = json ? await answer.json() : await answer.text();
  if (answer.ok) return value;
  const why = json ? [value.detail ?? value.title, value.at && `at ${value.at}`, value.expected && `expected ${value.expected}`] : [value];
  throw new Error(why.filter(Boolean).join("; "));
}

function say(text) {
  $("said").textContent = text;
  $("trouble").hidden = true;
}

function complain(fault) {
  $("trouble").textContent = fault instanceof TypeError ? "The simulator does not answer." : fault.message;
  $("trouble").hidden = false;
}

// Carries out what a button says, tells how it went, and looks at the world again.
async function act(what, work) {
  working += 1;
  // What is done at once flashes nothing.
  const slow = setTimeout(() => { $("working").hidden = false; }, 300);
  try {
    await work();
    await refresh();
    say(what);
  } catch (fault) {
    await refresh();
    complain(fault);
  } finally {
    clearTimeout(slow);
    working -= 1;
    if (!working) $("working").hidden = true;
  }
}

const change = (what, told) => act(what, () => ask("POST", "changes", told));

// ---- building

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function shape(name, attributes, tip) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (tip) made.dataset.tip = tip;
  return made;
}

// A tooltip beside the pointer; nothing hides it.
function tip(event, text) {
  const shown = $("tip");
  shown.hidden = !text;
  if (!text) return;
  shown.textContent = text;
  const { width, height } = shown.getBoundingClientRect();
  shown.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4))}px`;
  shown.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 8 : event.clientY + 18}px`;
}

$("map").addEventListener("pointermove", (event) => tip(event, event.target.dataset.tip));
$("chart").addEventListener("pointermove", (event) => {
  const points = glance?.connections.chart ?? [];
  const { left, width } = $("chart").getBoundingClientRect();
  const [first, last] = [points[0]?.[0], points.at(-1)?.[0]];
  const at = first + ((event.clientX - left) / width) * (last - first);
  const near = points.reduce((best, one) => (!best || Math.abs(one[0] - at) < Math.abs(best[0] - at) ? one : best), undefined);
  tip(event, near && `${clockTime(near[0] * 1000)}: ${near[1]} active, ${near[2]} blocked`);
});
for (const id of ["map", "chart"]) $(id).addEventListener("pointerleave", (event) => tip(event));

function button(text, click, label) {
  const made = element("button", text, { type: "button" });
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", click);
  return made;
}

// Replaces what an element has in it only when that differs, so that focus and selection stay.
function fill(parent, key, make) {
  const text = JSON.stringify(key);
  if (parent.dataset.shown === text) return;
  parent.dataset.shown = text;
  const focused = parent.contains(document.activeElement) ? document.activeElement : undefined;
  parent.replaceChildren(...make());
  if (focused) refocus(parent, focused);
}

// Who was at a button of an item is at the like of it, or at the first of the item's buttons; never at another item's.
function refocus(parent, focused) {
  const id = focused.closest("[data-id]")?.dataset.id;
  const item = [...parent.children].find((one) => one.dataset.id === id);
  if (!id || !item) return;
  const buttons = [...item.querySelectorAll("button")];
  (buttons.find((one) => one.getAttribute("aria-label") === focused.getAttribute("aria-label")) ?? buttons[0])?.focus();
}

function facts(list, pairs) {
  fill(list, pairs, () => pairs.flatMap(([name, value, tone]) => {
    const told = element("dd", value);
    if (tone) told.className = tone;
    return [element("dt", name), told];
  }));
}

// ---- buttons that change the world

const online = (word) => ({ network: { online: word, captive_portal: null } });
const resolvers = (failing) => ({
  dns: { resolvers: Object.fromEntries((glance?.resolvers ?? []).map((one) => [one.name, { failing }])) },
});
let prompts = 0;
// A connection that nobody has decided: the core asks.
const prompt = () => {
  prompts += 1;
  const known = glance.apps[0];
  return {
    ...(known ? {} : { apps: { add: [{ name: "Example", path: "/usr/bin/example" }] } }),
    connections: {
      open: [{
        profile_name: known ?? "Example", domain: `prompt-${Date.now().toString(36)}-${prompts}.example.`,
        remote_ip: "203.0.113.80", remote_port: 443, local_ip: "192.168.1.10", local_port: 50000 + (prompts % 10000), verdict: 0,
      }],
    },
  };
};

const BUTTONS = {
  "network-buttons": [
    ["Go online", "The network is online.", () => online("online")],
    ["Go offline", "The network is offline.", () => online("offline")],
    ["Captive portal", "A captive portal is in the way.", () => ({
      network: { online: "portal", captive_portal: { url: "http://login.hotel.example/", domain: "login.hotel.example", ip: "10.1.0.1" } },
    })],
    ["Limited", "The network is limited.", () => online("limited")],
    ["Break DNS", "No resolver answers any more.", () => resolvers(true)],
    ["Repair DNS", "The resolvers answer again.", () => resolvers(false)],
  ],
  "spn-buttons": [
    ["Log in", "A person is logged in.", () => ({
      spn: { account: { username: "robin", state: "approved", plan: { name: "SPN Unlimited", amount: 999, months: 1, renewable: true, features: ["spn", "support"] }, ends: new Date(Date.parse(glance.now) + 30 * 86400e3).toISOString() } },
    })],
    ["Log out", "Nobody is logged in.", () => ({ spn: { account: null } })],
    ["Connect", "The privacy network is connected.", () => ({ config: { "spn/enable": true }, spn: { status: "connected" } })],
    ["Fail", "The privacy network has failed.", () => ({ spn: { status: "failed", sessions: 0 } })],
    ["Switch off", "The privacy network is switched off.", () => ({ config: { "spn/enable": false }, spn: { status: null, sessions: 0 } })],
  ],
  "connections-buttons": [
    ["Open 1", "A connection was opened.", () => ({ connections: { open: 1 } })],
    ["Open 10", "Ten connections were opened.", () => ({ connections: { open: 10 } })],
    ["Close all", "All connections are closed.", () => ({ connections: { close: "all" } })],
  ],
  "notifications-buttons": [
    ["Open a prompt", "A prompt is open.", prompt],
    ["Break a module", "A module is in trouble.", () => ({
      modules: { fail: [{ module: "Resolver", id: "page:trouble", title: "Something Broke", message: "Somebody pressed a button.", severity: "warning" }] },
    })],
    ["Repair modules", "The modules are well.", () => ({ modules: { recover: glance.modules.map((one) => one.id) } })],
    ["Pause for 5 min", "The core rests.", () => ({ pause: { duration: "5m" } })],
    ["Resume", "The core works again.", () => ({ resume: true })],
  ],
};

for (const [id, buttons] of Object.entries(BUTTONS)) {
  $(id).append(...buttons.map(([text, said, told]) => button(text, () => change(said, told()))));
}

// ---- showing

const TONES = { online: "good", semi: "good", offline: "bad", portal: "warn", limited: "warn", unknown: "warn", connected: "good", connecting: "warn", failed: "bad", disabled: "" };

function show(world) {
  glance = world;
  const { network, spn, connections } = world;
  facts($("network"), [
    ["State", network.online, TONES[network.online]],
    ...(network.portal ? [["Portal", network.portal]] : []),
    ["Country", network.country ?? "unknown"],
    ["Gateways", network.gateways.join(", ") || "none"],
    ["Resolvers", world.resolvers.map((one) => (one.failing ? `${one.name} (fails)` : one.name)).join(", ") || "none",
      world.resolvers.some((one) => one.failing) ? "warn" : ""],
    ["Cached answers", String(world.cached)],
  ]);
  const home = spn.hubs.find((hub) => hub.id === spn.home);
  facts($("spn"), [
    ["State", spn.enabled ? spn.status : "switched off", spn.enabled ? TONES[spn.status] : ""],
    ["User", spn.user ? `${spn.user} (${spn.account})` : "nobody"],
    ["Home hub", home ? `${home.name}, ${home.country}` : "none"],
    ["Hubs", `${spn.hubs.length}, sessions to ${spn.hubs.filter((hub) => hub.session).length}`],
  ]);
  drawMap(spn, network.place, home);
  $("active").textContent = connections.active;
  $("count").textContent = connections.count;
  drawChart(connections.chart);
  showNotes(world);
  fill($("coming"), world.coming.map((one) => [one.at, one.change]), () => world.coming.length
    ? world.coming.map((one) => {
      const item = element("li");
      item.append(element("b", clockTime(one.at)), " ", element("span", inWords(one.change), { class: "dim" }));
      return item;
    })
    : [element("li", "Nothing more happens by itself.")]);
  $("next").disabled = !world.coming.length;
  for (const one of document.querySelectorAll("[data-mode]")) one.setAttribute("aria-pressed", String(world.mode === one.dataset.mode));
  const runs = world.mode !== "frozen" && world.mode !== "manual";
  $("play").textContent = runs ? "Pause" : "Play";
  $("mode").textContent = runs ? (world.mode === "running" ? "running" : `×${world.mode.slice(1)}`) : world.mode;
  $("now").textContent = new Date(world.now).toISOString().replace("T", " ").slice(0, 19);
  $("now").dateTime = world.now;
}

const clockTime = (instant) => new Date(instant).toISOString().slice(11, 19);

// A change in a line: its members and what they are set to.
function inWords(told) {
  const empty = (value) => value === null || value === false || (typeof value === "object" && Object.values(value).every(empty));
  const words = (value) => Object.entries(value).filter(([, inner]) => !empty(inner)).map(([key, inner]) => {
    if (Array.isArray(inner)) return `${key} ${inner.length}`;
    return typeof inner === "object" ? `${key}: ${words(inner)}` : inner === true ? key : `${key} ${inner}`;
  }).join(", ");
  const text = words(told);
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

function showNotes(world) {
  const paused = world.paused_until ? [`Paused until ${clockTime(world.paused_until)}`] : [];
  fill($("notifications"), [world.notifications, world.modules, paused], () => {
    const items = world.notifications.toReversed().map((note) => {
      const item = element("li", undefined, { class: `kind-${note.kind}`, "data-id": note.id });
      item.append(element("b", note.title), element("p", note.message), element("small", note.state === "active" ? note.id : `${note.id}: ${note.state}`));
      const choices = element("div", undefined, { class: "buttons", role: "group", "aria-label": `Answers to ${note.title}` });
      if (note.state === "active") {
        choices.append(...note.actions.map(([id, text]) => button(text || id, () => change(`${text || id} was chosen.`, { notifications: { answer: { [note.id]: id } } }), `${text || id}: ${note.title}`)));
      }
      choices.append(button("Remove", () => change("The notification is gone.", { notifications: { remove: [note.id] } }), `Remove ${note.title}`));
      item.append(choices);
      return item;
    });
    const troubles = world.modules.map((one) => element("li", `${one.module}: ${one.title}`, { class: "kind-3" }));
    const all = [...paused.map((text) => element("li", text)), ...troubles, ...items];
    return all.length ? all : [element("li", "Nothing to say.")];
  });
}

function drawMap(spn, here, home) {
  fill($("map"), [spn.hubs, spn.lanes, here, home?.id], () => {
    const at = ([north, east]) => [east, -north];
    const drawn = [$("map-title")];
    for (const place of COUNTRIES) {
      const [x, y] = at(place);
      drawn.push(shape("circle", { class: "land", cx: x, cy: y, r: 0.9 }));
    }
    for (const [from, to] of spn.lanes) {
      const [[x1, y1], [x2, y2]] = [at(spn.hubs[from].place), at(spn.hubs[to].place)];
      drawn.push(shape("line", { class: "lane", x1, y1, x2, y2 }));
    }
    if (here && home) {
      const [[x1, y1], [x2, y2]] = [at(here), at(home.place)];
      drawn.push(shape("line", { class: "way", x1, y1, x2, y2 }));
    }
    if (here) {
      const [cx, cy] = at(here);
      drawn.push(shape("circle", { class: "here", cx, cy, r: 3 }, "This device"));
    }
    // Over it, so that a hub at the same place has its tooltip.
    for (const hub of spn.hubs) {
      const [cx, cy] = at(hub.place);
      const kind = hub.id === spn.home ? "hub home" : hub.session ? "hub session" : "hub";
      drawn.push(shape("circle", { class: kind, cx, cy, r: hub.id === spn.home ? 2.2 : 1.5 }, `${hub.name}, ${hub.country}, load ${hub.load} %`));
    }
    $("map-title").textContent = `Map of the privacy network: ${spn.hubs.length} hubs, ${home ? `at home in ${home.name}` : "no home hub"}`;
    return drawn;
  });
}

function drawChart(points) {
  fill($("chart"), points, () => {
    const most = Math.max(1, ...points.map(([, all]) => all));
    const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 1];
    const area = (which) => {
      const line = points.map((point) => `${(((point[0] - first) / Math.max(1, last - first)) * 600).toFixed(1)},${(116 - (point[which] / most) * 108).toFixed(1)}`);
      return `M0,120 L${line.join(" L")} L600,120 Z`;
    };
    $("chart-title").textContent = `Active connections over the last ten minutes: now ${points.at(-1)?.[1] ?? 0}, at most ${points.length ? most : 0}`;
    return points.length
      ? [$("chart-title"), shape("path", { class: "all", d: area(1) }), shape("path", { class: "blocked", d: area(2) })]
      : [$("chart-title")];
  });
}

// ---- journal

const where = (entry) => entry.target ?? entry.key ?? entry.why ?? entry.text ?? "";
const what = (entry) => entry.method ?? (entry.operation ? `${entry.direction === "in" ? "→" : "←"} ${entry.operation}` : entry.kind);
function outcome(entry) {
  if (entry.answer) return String(entry.answer.status);
  if (entry.reset) return "reset";
  return entry.kind === "http" ? "waits" : entry.body ? `${entry.body.length} B` : "";
}

async function showJournal() {
  const query = new URLSearchParams({ limit: "100" });
  if ($("journal-kind").value) query.set("kind", $("journal-kind").value);
  if ($("journal-path").value.trim()) query.set("path", $("journal-path").value.trim());
  const told = await ask("GET", `journal?${query}`);
  $("dropped").textContent = told.dropped ? `${told.dropped} older ones were dropped` : "";
  $("journal-none").hidden = told.entries.length > 0;
  fill($("journal"), told.entries.map((entry) => [entry.seq, outcome(entry)]), () => told.entries.toReversed().map((entry) => {
    const row = element("tr");
    const number = element("td");
    number.append(button(String(entry.seq), () => detail(entry), `Entry ${entry.seq} in full`));
    const status = element("td", outcome(entry));
    if (entry.answer?.status >= 400) status.className = "bad";
    row.append(number, element("td", clockTime(entry.at)), element("td", what(entry)), element("td", where(entry)), status);
    return row;
  }));
}

async function detail(entry) {
  try {
    const whole = await ask("GET", `journal/${entry.seq}`);
    const curl = entry.kind === "http" ? `${(await ask("GET", `journal/${entry.seq}/curl`)).trim()}\n\n` : "";
    $("detail-title").textContent = `${entry.seq}: ${what(entry)} ${where(entry)}`;
    $("detail-text").textContent = curl + JSON.stringify(whole, null, 2);
    $("detail").showModal();
  } catch (fault) {
    complain(fault);
  }
}

// ---- snapshots

async function showSnapshots() {
  const all = await ask("GET", "snapshots");
  fill($("snapshots"), all, () => all.length
    ? all.map((one) => {
      const item = element("li");
      const name = one.name || one.id;
      item.append(element("b", name), " ", element("small", new Date(one.instant).toISOString().replace("T", " ").slice(0, 19)));
      const choices = element("div", undefined, { class: "buttons" });
      choices.append(
        button("Restore", () => act(`The world is as it was in ${name}.`, () => ask("POST", `snapshots/${one.id}/restore`)), `Restore ${name}`),
        button("Differences", () => differences(one, name), `What differs from ${name}`),
        button("Delete", () => act(`${name} is deleted.`, () => ask("DELETE", `snapshots/${one.id}`)), `Delete ${name}`),
      );
      const save = element("a", "Save as file", { href: `snapshots/${one.id}`, download: `${name}.json` });
      choices.append(save);
      item.append(choices);
      return item;
    })
    : [element("li", "None yet.")]);
}

async function differences(one, name) {
  try {
    const found = await ask("GET", `snapshots/${one.id}/diff?to=now`);
    const side = (value) => JSON.stringify(value) ?? "nothing";
    $("detail-title").textContent = `From ${name} to now`;
    $("detail-text").textContent = found.length ? found.map((at) => `${at.path}\n  ${side(at.before)}\n  ${side(at.after)}`).join("\n") : "Nothing differs.";
    $("detail").showModal();
  } catch (fault) {
    complain(fault);
  }
}

$("save").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("snapshot-name").value.trim();
  act("The world is saved.", () => ask("POST", "snapshots", name ? { name } : {})).then(() => { $("snapshot-name").value = ""; });
});

// ---- scenario and clock

async function showScenario() {
  const health = await ask("GET", "health");
  $("about").textContent = `${health.scenario}, contract ${health.contract}, seed ${health.seed}`;
  $("api").textContent = health.api;
  $("api").href = `${health.api}/api/v1/endpoints`;
  $("try").textContent = `curl ${health.api}/api/v1/ping`;
  if (!$("scenario").options.length) {
    const all = await ask("GET", "scenarios");
    $("scenario").append(...all.map((one) => Object.assign(element("option", one.name), { value: one.name, title: one.about })));
    $("scenario").value = health.scenario;
  }
  aboutScenario();
  await showConsole();
}

function aboutScenario() {
  $("scenario-about").textContent = $("scenario").selectedOptions[0]?.title ?? "";
}

$("scenario").addEventListener("change", aboutScenario);
$("choose").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("scenario").value;
  act(`${name} is loaded.`, () => ask("PUT", "scenario", { name })).then(showScenario).catch(complain);
});
$("reset").addEventListener("click", () => act("Everything is as at the start.", () => ask("POST", "reset")));

const pace = (mode) => act(mode === "frozen" ? "The clock stands." : "The clock goes.", () => ask("PATCH", "clock", { mode }));
const step = (by) => act(`The clock went on ${by}.`, () => ask("POST", "clock/advance", { by }));
const play = () => pace($("play").textContent === "Pause" ? "frozen" : "running");
const toNext = () => act("The next change has happened.", () => ask("POST", "clock/advance", { to: glance.coming[0].at }));
$("play").addEventListener("click", play);
$("next").addEventListener("click", toNext);
for (const one of document.querySelectorAll("[data-mode]")) one.addEventListener("click", () => pace(one.dataset.mode));
for (const one of document.querySelectorAll("[data-step]")) one.addEventListener("click", () => step(one.dataset.step));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName) || $("detail").open) return;
  if (event.key === "p") play();
  if (event.key === "s") step("10s");
  if (event.key === "n" && glance?.coming.length) toNext();
});

for (const id of ["journal-kind", "journal-path"]) $(id).addEventListener("input", () => showJournal().catch(complain));
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("journal-clear").addEventListener("click", () => act("The journal is empty.", () => ask("DELETE", "journal")));

// Links cannot carry the token: what they lead to is fetched and handed over.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[download]");
  if (!link || !token) return;
  event.preventDefault();
  try {
    const value = await ask("GET", link.getAttribute("href"));
    const file = element("a", undefined, { download: link.download, href: URL.createObjectURL(new Blob([typeof value === "string" ? value : JSON.stringify(value)])) });
    file.click();
  } catch (fault) {
    complain(fault);
  }
});

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value;
  sessionStorage.setItem("token", token);
  $("login").hidden = true;
  start();
});

// ---- staying up to date

let looking = null;
let again = false;

async function look() {
  try {
    show(await ask("GET", "glance"));
    await showJournal();
    await showSnapshots();
    if ($("trouble").textContent === "The simulator does not answer.") $("trouble").hidden = true;
  } catch (fault) {
    complain(fault);
  }
}

// Looks at everything once more. Whoever asks while a look goes on gets one that begins after it.
function refresh() {
  if (looking) {
    again = true;
    return looking;
  }
  looking = (async () => {
    do {
      again = false;
      await look();
    } while (again);
    looking = null;
  })();
  return looking;
}

async function start() {
  try {
    await showScenario();
    await refresh();
    document.body.dataset.ready = "yes";
    if (!listening) listen();
  } catch (fault) {
    complain(fault);
  }
}

setInterval(() => { if (!document.hidden && !looking && $("login").hidden) refresh(); }, 1000);

// Whatever happens to the world is shown at once, but no more than a few times a second.
let listening = false;
async function listen() {
  listening = true;
  let soon = null;
  try {
    const answer = await fetch("events", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    const reader = answer.ok ? answer.body.getReader() : undefined;
    while (reader && !(await reader.read()).done) {
      soon ??= setTimeout(() => {
        soon = null;
        if (!document.hidden) refresh();
      }, 150);
    }
  } catch {
    // A simulator that went away: the look that comes each second says so.
  }
  setTimeout(listen, 2000);
}

// The consoles' scripts come behind this one.
addEventListener("DOMContentLoaded", start);
