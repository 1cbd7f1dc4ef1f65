// A small interface: whether the device is online, the portal that is in its way, and what the firewall asks.
// The core's address comes as ?core=http://127.0.0.1:817
const core = new URL(location.href).searchParams.get("core");
const states = ["unknown", "offline", "limited", "behind a portal", "almost online", "online"];
const $ = (id) => document.getElementById(id);
const questions = new Map();
let socket, number = 10;

function connect() {
  socket = new WebSocket(`${core.replace("http", "ws")}/api/database/v1`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    questions.clear();
    socket.send("1|qsub|query runtime:system/status");
    socket.send("2|qsub|query notifications:all/");
  };
  socket.onmessage = ({ data }) => receive(typeof data === "string" ? data : new TextDecoder().decode(data));
  socket.onclose = () => {
    $("status").textContent = "No connection to the firewall, trying again…";
    setTimeout(connect, 500);
  };
}

function receive(message) {
  const [operation, kind, key, ...rest] = message.split("|");
  if (!["ok", "new", "upd"].includes(kind)) return;
  const value = JSON.parse(rest.join("|").slice(1));
  if (operation === "1") status(value);
  if (operation === "2") ask(key, value);
}

function status({ OnlineStatus, CaptivePortal }) {
  $("status").textContent = `This device is ${states[OnlineStatus]}.`;
  $("portal").hidden = OnlineStatus !== 3;
  $("portal").firstElementChild.href = CaptivePortal.URL;
}

function ask(key, note) {
  if (note.Type === 2 && note.State === "active") questions.set(key, note);
  else questions.delete(key);
  $("prompts").replaceChildren(...[...questions].map(([key, note]) => question(key, note)));
}

function question(key, note) {
  const text = Object.assign(document.createElement("span"), { textContent: note.Message });
  const buttons = note.AvailableActions.map(({ ID, Text }) => {
    const button = Object.assign(document.createElement("button"), { textContent: Text });
    button.onclick = () => socket.send(`${number++}|update|${key}|J${JSON.stringify({ SelectedActionID: ID })}`);
    return button;
  });
  const item = document.createElement("li");
  item.append(text, ...buttons);
  return item;
}

connect();
