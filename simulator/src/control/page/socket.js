"use strict";
// The console of the database websocket. It speaks through the control plane, which adds the key: a page cannot send it.

const QUERIES = ["query", "sub", "qsub"];
const WRITES = ["create", "update", "insert"];
const MOST_MESSAGES = 300;
let socket = null;
let operations = 0;
let received = 0;
// Operation ids of what is subscribed to, with what was asked and whether its end was asked for.
const subscribed = new Map();
// Names of members that were seen: they may stand in conditions.
const members = new Set();

// ---- connecting

$("socket").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (socket) return socket.close();
  try {
    await connect(await secret("socket"));
    showKeys();
  } catch (fault) {
    complain(fault);
  }
});

function connect(key) {
  const url = new URL("console/websocket", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (key) url.searchParams.set("key", key);
  const shown = btoa(String.fromCharCode(...new TextEncoder().encode(token))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  socket = new WebSocket(url, token ? ["console", `bearer.${shown}`] : []);
  socket.binaryType = "arraybuffer";
  state("connects");
  let opened = false;
  socket.onopen = () => {
    opened = true;
    state("connected");
    say("The websocket is connected.");
  };
  socket.onmessage = ({ data }) => hear(typeof data === "string" ? data : new TextDecoder().decode(data));
  socket.onclose = ({ code, reason }) => {
    socket = null;
    subscribed.clear();
    showSubscriptions();
    state("closed");
    if (opened) say(`The websocket is closed: ${code}${reason ? `, ${reason}` : ""}.`);
    else why(key);
  };
}

// Scripts are not told why a handshake failed. The same place says it to whoever asks without one.
async function why(key) {
  try {
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    const told = await ask("POST", "console/ask", { method: "GET", target: "/api/database/v1", headers });
    complain(new Error(`The core does not connect: ${told.status} ${told.text?.trim() || told.reason}`));
  } catch (fault) {
    complain(fault);
  }
}

function state(word) {
  $("socket-state").textContent = word;
  $("socket-open").textContent = `${socket ? "Close" : "Open"} the websocket`;
  $("socket-send").disabled = word !== "connected";
}

// ---- speaking

const rest = () => {
  const method = $("socket-method").value;
  const text = $("socket-key-or-query").value;
  if (!WRITES.includes(method)) return `${method}|${text}`;
  return `${method}|${text}|${method === "insert" ? "" : "J"}${$("socket-payload").value}`;
};

function send(id, text) {
  socket.send(`${id}|${text}`);
  show1("out", `${id}|${text}`);
}

$("operation").addEventListener("submit", (event) => {
  event.preventDefault();
  operations += 1;
  const id = String(operations);
  if (["sub", "qsub"].includes($("socket-method").value)) subscribed.set(id, { text: rest(), ends: false });
  send(id, rest());
  showSubscriptions();
});

function hear(text) {
  received += 1;
  const [id, kind] = text.split("|", 2);
  show1(kind === "error" ? "failed" : "in", text);
  learn(text);
  const known = subscribed.get(id);
  if (known && (kind === "error" || (kind === "done" && known.ends))) {
    subscribed.delete(id);
    showSubscriptions();
  }
  $("socket-count").textContent = `${received} ${received === 1 ? "message" : "messages"} received.`;
}

function learn(text) {
  const at = text.indexOf("|J{");
  if (at < 0 || members.size > 500) return;
  try {
    for (const name of Object.keys(JSON.parse(text.slice(at + 2)))) members.add(name);
  } catch {
    // A record that is no JSON has no members.
  }
}

function show1(kind, text) {
  const item = element("li", `${kind === "out" ? "→" : "←"} ${text.length > 2000 ? `${text.slice(0, 2000)}…` : text}`, { class: kind });
  const log = $("socket-messages");
  log.prepend(item);
  while (log.children.length > MOST_MESSAGES) log.lastChild.remove();
}

$("socket-clear").addEventListener("click", () => {
  $("socket-messages").replaceChildren();
  received = 0;
  $("socket-count").textContent = "No messages yet.";
  say("The messages are cleared.");
});

function showSubscriptions() {
  const all = [...subscribed];
  fill($("socket-subscriptions"), all, () => all.length
    ? all.map(([id, { text }]) => {
      const item = element("li", undefined, { "data-id": id });
      item.append(element("code", `${id}|${text}`), " ", button("Cancel", () => {
        subscribed.get(id).ends = true;
        send(id, "cancel");
      }, `Cancel subscription ${id}`));
      return item;
    })
    : [element("li", "None.")]);
}

// ---- completing

async function complete() {
  const input = $("socket-key-or-query");
  const typed = input.value;
  const last = typed.match(/\S*$/)[0];
  const before = typed.slice(0, typed.length - last.length);
  const words = before.split(/\s+/).filter(Boolean).length;
  const isQuery = QUERIES.includes($("socket-method").value);
  let fits = [];
  if (isQuery && words === 0) fits = ["query "];
  else if (words === (isQuery ? 1 : 0)) fits = await ask("GET", `console/keys?${new URLSearchParams({ prefix: last })}`);
  else if (isQuery) fits = [...askable.words, ...members].filter((word) => word !== "query" && word.startsWith(last));
  if (input.value !== typed) return;
  const all = fits.map((word) => before + word);
  fill($("socket-words"), all, () => all.map((value) => element("option", undefined, { value })));
}

function showOperation() {
  const method = $("socket-method").value;
  const isQuery = QUERIES.includes(method);
  $("socket-what").textContent = isQuery ? "Query" : "Key";
  $("socket-payload").disabled = !WRITES.includes(method);
  const url = `${$("api").href.replace(/^http/, "ws").replace(/\/api\/.*$/, "")}/api/database/v1`;
  const key = $("socket-key").value === "none" ? "" : ' -H "Authorization: Bearer $PORTMASTER_KEY"';
  $("socket-line").textContent = `echo ${shellQuoted(`1|${rest()}`)} | websocat -n${key} ${url}`;
}

$("socket-method").addEventListener("change", () => {
  const input = $("socket-key-or-query");
  const isQuery = QUERIES.includes($("socket-method").value);
  if (isQuery && !input.value.startsWith("query ")) input.value = `query ${input.value}`;
  if (!isQuery) input.value = input.value.replace(/^query /, "").split(" ")[0];
});
for (const id of ["socket", "operation"]) {
  $(id).addEventListener("input", () => {
    showOperation();
    complete().catch(complain);
  });
}
