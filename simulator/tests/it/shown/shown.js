"use strict";
// A small interface of a core, written from its API alone: prompts with their answers, notifications with their buttons, the
// processes of connections, the paths of tunnels, and how core, network and account are. What is subscribed to is shown as it
// is pushed; connections are asked for by `window.look`. Whatever a core leaves out that an interface relies on is thrown.

const socket = new WebSocket(`ws://${location.host}/api/database/v1`);
socket.binaryType = "arraybuffer";
const open = new Promise((done) => socket.addEventListener("open", done));
const waiting = new Map();
let last = 0;

socket.addEventListener("message", ({ data }) => {
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  const [id, kind, key, ...rest] = text.split("|");
  const payload = rest.join("|");
  waiting.get(id)?.(kind, key, payload.startsWith("J") ? JSON.parse(payload.slice(1)) : payload);
});

async function send(message, hear) {
  await open;
  last += 1;
  waiting.set(String(last), hear);
  socket.send(`${last}|${message}`);
}

const get = (key) => new Promise((done, fail) => {
  send(`get|${key}`, (kind, told, value) => (kind === "ok" ? done(value) : fail(new Error(`${key}: ${kind} ${told}`))));
});
const write = (key, value) => new Promise((done, fail) => {
  send(`update|${key}|J${JSON.stringify(value)}`, (kind, told) => (kind === "success" ? done() : fail(new Error(`${key}: ${told}`))));
});

// Follows the records below a prefix, and shows them with each change.
function follow(prefix, show) {
  const records = new Map();
  return new Promise((done, fail) => {
    let all = false;
    const wrong = (fault) => { console.error(fault.message); fail(fault); };
    send(`qsub|query ${prefix}`, (kind, key, value) => {
      if (kind === "error") return wrong(new Error(`${prefix}: ${key}`));
      if (kind === "done") all = true;
      else if (kind === "del") records.delete(key);
      else if (value) records.set(key, value);
      if (all) show([...records.values()]).then(done, wrong);
    });
  });
}

function list(name, texts) {
  document.getElementById(name).replaceChildren();
  for (const text of texts) item(name, text);
}

const ONLINE = ["unknown", "offline", "limited", "portal", "semi", "online"];
const SEVERITY = ["", "hint", "warning", "error"];

async function showStatus([status]) {
  const states = status.Modules.flatMap((one) => (one.States ?? []).map((state) => ({ ...state, Module: one.Module })));
  const most = Math.max(0, ...states.map((state) => SEVERITY.indexOf(state.Type ?? "")));
  if (SEVERITY.indexOf(status.WorstState.Type ?? "") !== most) throw new Error(`the worst is ${JSON.stringify(status.WorstState)}`);
  const online = `${ONLINE[status.OnlineStatus]} ${status.CaptivePortal.URL}`.trim();
  list("status", [online, ...states.map((state) => `${state.Module}: ${state.Name} (${state.Type || "fine"})`)]);
}

const pins = new Map();
let mapped = false;

async function showMap(found) {
  pins.clear();
  for (const pin of found) {
    if (!(pin.EntityV4 ?? pin.EntityV6).Country || !Array.isArray(pin.States)) throw new Error(`${pin.Name} is no pin`);
    pins.set(pin.ID, pin);
  }
  const open = found.filter((pin) => pin.SessionActive);
  list("sessions", open.map((pin) => `${pin.HopDistance} ${pin.Name}`).sort());
}

async function showNetwork([status]) {
  list("spn", [`${status.Status} ${status.HomeHubName}`.trim()]);
  if (status.Status === "disabled") {
    pins.clear();
    mapped = false;
    return list("sessions", []);
  }
  if (!mapped) {
    mapped = true;
    await follow("map:main/", showMap);
  }
}

async function showAccount([account]) {
  const { username = "nobody", subscription } = account ?? {};
  list("account", [`${username} ${subscription?.state ?? ""}`.trim()]);
}

async function showPrograms(profiles) {
  list("programs", profiles.map((profile) => profile.Name.toLowerCase()).sort());
}

function item(list, text, buttons = []) {
  const made = document.createElement("li");
  made.append(text);
  for (const [label, press] of buttons) {
    const button = document.createElement("button");
    button.textContent = label;
    button.addEventListener("click", press);
    made.append(button);
  }
  document.getElementById(list).append(made);
}

const answer = (note, action) => () => write(`notifications:all/${note.EventID}`, { EventID: note.EventID, SelectedActionID: action.ID });
const isPrompt = (note) => note.Type === 2 && note.EventID.startsWith("filter:prompt");

let looks = 0;

async function showNotifications(notes) {
  looks += 1;
  const look = looks;
  const active = notes.filter((note) => note.State === "active" && !note.SelectedActionID);
  const shown = [];
  for (const note of active.filter(isPrompt)) {
    const { Profile, Entity } = note.EventData;
    const profile = await get(`core:profiles/${Profile.Source}/${Profile.ID}`);
    const find = (...ids) => note.AvailableActions.find((action) => ids.includes(action.ID));
    const allow = find("allow-domain-all", "allow-serving-ip", "allow-ip");
    const block = find("block-domain-all", "block-serving-ip", "block-ip");
    const text = `${profile.Name}: ${Entity.Domain || Entity.IP} ${Entity.Protocol}/${Entity.Port} ${Entity.Country}`;
    shown.push(["prompts", text, [["Allow", answer(note, allow)], ["Block", answer(note, block)]]]);
  }
  for (const note of active.filter((one) => !isPrompt(one))) {
    // Of its own connecting a core says that it offers nothing.
    const offered = note.EventID === "spn:establishing-home-hub" ? [] : note.AvailableActions;
    const buttons = offered.map((action) => [action.Text, action.ID ? answer(note, action) : () => {}]);
    if (!buttons.length && offered === note.AvailableActions) throw new Error(`${note.EventID} has no button`);
    shown.push(["notifications", `${note.Title}: ${note.Message}`, buttons]);
  }
  // A later one is on the way.
  if (look !== looks) return;
  for (const name of ["prompts", "notifications"]) list(name, []);
  for (const one of shown) item(...one);
}

async function ask(path, body) {
  const reply = await fetch(`/api/v1/netquery/${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

const rows = async (query) =>
  (await ask("query", { query, pageSize: 50, orderBy: [{ field: "started", desc: true }] })).results ?? [];

function tunnel(row) {
  const path = row.extra_data.tunnel.Path.map((step) => {
    const pin = pins.get(step.ID);
    if (!pin) throw new Error(`${row.id} goes over ${step.ID}, which is not on the map`);
    return pin;
  });
  if (path[0].HopDistance !== 1) throw new Error(`${row.id} does not begin at the home hub, but at ${path[0].Name}`);
  if (!path.at(-1).SessionActive) throw new Error(`${row.id} ends at ${path.at(-1).Name}, which no session is open to`);
  path.slice(1).forEach((pin, at) => {
    if (!path[at].ConnectedTo[pin.ID]) throw new Error(`${path[at].Name} is no neighbour of ${pin.Name}`);
  });
  return `${row.domain}: ${path.map((pin) => pin.Name).join(", ")}`;
}

// What stands side by side in an interface: the same connections, counted in three ways.
async function compare() {
  const count = { $count: { field: "*", as: "count" } };
  const { all, programs, countries } = await ask("query/batch", {
    all: { select: count, query: { active: { $eq: true } } },
    programs: { select: ["profile", count], query: { active: { $eq: true } }, groupBy: ["profile"] },
    countries: { select: ["country", "allowed", count], query: { active: { $eq: true } }, groupBy: ["country", "allowed"] },
  });
  const sum = (found) => (found ?? []).reduce((all, one) => all + one.count, 0);
  const counted = [sum(all), sum(programs), sum(countries)];
  if (new Set(counted).size > 1) throw new Error(`connections are ${counted}`);
  for (const { profile } of programs ?? []) await get(`core:profiles/${profile}`);
}

window.look = async () => {
  const active = await rows({ active: { $eq: true } });
  const blocked = await rows({ allowed: { $eq: false } });
  list("connections", active.map((row) => `${row.profile_name}: ${row.domain || row.remote_ip}`));
  list("blocked", blocked.map((row) => `${row.profile_name}: ${row.domain || row.remote_ip}`));
  const began = Math.max(0, ...[...active, ...blocked].map((row) => Date.parse(row.started)));
  await compare();
  const processes = [];
  for (const row of active) {
    const { pid, processCreatedAt } = row.extra_data ?? {};
    if (!pid || !processCreatedAt) continue;
    const process = await get(`network:tree/${pid}-${processCreatedAt}`);
    if (process.PrimaryProfileID !== row.profile) throw new Error(`${row.id} is of ${row.profile}, its process of ${process.PrimaryProfileID}`);
    if (process.CreatedAt > Date.parse(row.started) + 1000) throw new Error(`${row.id} began before its process`);
    processes.push(`${row.profile_name}: ${process.CmdLine} (${process.Pid}) of ${process.PrimaryProfileID}`);
  }
  list("processes", processes);
  list("tunnels", (await rows({ tunneled: { $eq: true }, active: { $eq: true } })).map(tunnel));
  return began;
};

(async () => {
  await follow("notifications:all/", showNotifications);
  await follow("runtime:system/status", showStatus);
  await follow("core:spn/account/user", showAccount);
  await follow("runtime:spn/status", showNetwork);
  await follow("core:profiles/", showPrograms);
  // A core that is still starting refuses to say what is connected.
  if (!location.search.includes("pushed")) await window.look();
})().then(() => "yes", (fault) => `no: ${fault.message}`).then((ready) => { document.body.dataset.ready = ready; });
