"use strict";
// A small interface of a core, written from its API alone: prompts with their answers, notifications with their buttons, the
// processes of connections, the paths of tunnels. Whatever a core leaves out that an interface relies on is thrown.

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
    send(`qsub|query ${prefix}`, (kind, key, value) => {
      if (kind === "error") fail(new Error(`${prefix}: ${key}`));
      if (kind === "done") all = true;
      else if (kind === "del") records.delete(key);
      else if (value) records.set(key, value);
      if (all) show([...records.values()]).then(done, fail);
    });
  });
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

async function showNotifications(notes) {
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
    const buttons = note.AvailableActions.map((action) => [action.Text, action.ID ? answer(note, action) : () => {}]);
    if (!buttons.length) throw new Error(`${note.EventID} has no button`);
    shown.push(["notifications", `${note.Title}: ${note.Message}`, buttons]);
  }
  for (const list of ["prompts", "notifications"]) document.getElementById(list).replaceChildren();
  for (const one of shown) item(...one);
}

async function rows(query) {
  const body = JSON.stringify({ query, pageSize: 50, orderBy: [{ field: "started", desc: true }] });
  const reply = await fetch("/api/v1/netquery/query", { method: "POST", body });
  if (!reply.ok) throw new Error(`netquery: ${reply.status} ${await reply.text()}`);
  return (await reply.json()).results ?? [];
}

async function showConnections(pins) {
  for (const row of await rows({ active: { $eq: true } })) {
    const { pid, processCreatedAt } = row.extra_data ?? {};
    if (!pid || !processCreatedAt) continue;
    const process = await get(`network:tree/${pid}-${processCreatedAt}`);
    item("processes", `${row.profile_name}: ${process.CmdLine} (${process.Pid}) of ${process.PrimaryProfileID}`);
  }
  for (const row of await rows({ tunneled: { $eq: true }, active: { $eq: true } })) {
    const path = row.extra_data.tunnel.Path.map((step) => {
      const pin = pins.find((one) => one.ID === step.ID);
      if (!pin) throw new Error(`${row.id} goes over ${step.ID}, which is not on the map`);
      return pin;
    });
    if (path[0].HopDistance !== 1) throw new Error(`${row.id} does not begin at the home hub, but at ${path[0].Name}`);
    path.slice(1).forEach((pin, at) => {
      if (!path[at].ConnectedTo[pin.ID]) throw new Error(`${path[at].Name} is no neighbour of ${pin.Name}`);
    });
    item("tunnels", `${row.domain}: ${path.map((pin) => pin.Name).join(", ")}`);
  }
}

(async () => {
  await follow("notifications:all/", showNotifications);
  const status = await get("runtime:spn/status");
  let pins = [];
  if (status.Status !== "disabled") await follow("map:main/", async (found) => { pins = found; });
  await showConnections(pins);
})().then(() => "yes", (fault) => `no: ${fault.message}`).then((ready) => { document.body.dataset.ready = ready; });
