"use strict";
// The console of the API. Requests go through the control plane: the API is of another origin, and would refuse the page.

let askable = { endpoints: [], words: [] };

// ---- keys, for both consoles

const OWN = { user: "console-user?read=user&write=user", admin: "console-admin?read=admin&write=admin" };
const secretOf = (entry) => decodeURIComponent(entry.split("?")[0]);
const keysOfWorld = async () => (await ask("GET", "state/config"))["core/apiKeys"] ?? [];

async function showKeys() {
  const others = (await keysOfWorld()).filter((one) => !Object.values(OWN).includes(one));
  const options = [["none", "none"], ["user", "user"], ["admin", "admin"], ...others.map((one) => [`=${secretOf(one)}`, one]), ["other", "another …"]];
  for (const id of ["console", "socket"]) {
    const select = $(`${id}-key`);
    const chosen = select.value || (id === "socket" ? "admin" : "none");
    fill(select, options, () => options.map(([value, text]) => element("option", text, { value })));
    select.value = options.some(([value]) => value === chosen) ? chosen : "none";
    $(`${id}-secret`).hidden = select.value !== "other";
  }
}

// The secret of the chosen key. The page's own two are added to the world when they are first used.
async function secret(id) {
  const chosen = $(`${id}-key`).value;
  if (chosen === "none") return "";
  if (chosen === "other") return $(`${id}-secret`).value;
  if (chosen.startsWith("=")) return chosen.slice(1);
  const known = await keysOfWorld();
  if (!known.includes(OWN[chosen])) await ask("PATCH", "state", { config: { "core/apiKeys": [...known, OWN[chosen]] } });
  return secretOf(OWN[chosen]);
}

for (const id of ["console", "socket"]) {
  $(`${id}-key`).addEventListener("change", () => { $(`${id}-secret`).hidden = $(`${id}-key`).value !== "other"; });
}

// ---- choosing an endpoint

const PERMISSIONS = { "-1": "decides itself", 1: "anyone", 2: "user", 3: "admin", 4: "internal" };
const methodsOf = (one) => [one.Read && (one.ReadMethod || "GET"), one.Write && (one.WriteMethod || "POST")].filter(Boolean);

// The variable parts of a path: {name:pattern}, where the pattern may have braces, too.
function partsOf(path) {
  const parts = [];
  let depth = 0;
  for (let at = 0, begun = 0; at < path.length; at += 1) {
    if (path[at] === "{" && depth++ === 0) begun = at;
    if (path[at] === "}" && --depth === 0) parts.push({ text: path.slice(begun, at + 1), name: path.slice(begun + 1, at).split(":")[0] });
  }
  return parts;
}

async function showConsole() {
  askable = await ask("GET", "console");
  const all = askable.endpoints.flatMap((one) => methodsOf(one).map((method) => element("option", one.Name, { value: `${method} ${one.Path}` })));
  $("console-endpoints").replaceChildren(...all);
  await showKeys();
  showOperation();
}

function choose() {
  const [method, path] = $("console-endpoint").value.split(" ");
  const found = askable.endpoints.find((one) => one.Path === path && methodsOf(one).includes(method));
  if (!found) return;
  const needs = PERMISSIONS[method === found.ReadMethod || !found.Write ? found.Read : found.Write];
  $("console-about").textContent = `${found.Name} (${needs})${found.Description ? `: ${found.Description}` : ""}`;
  $("console-method").value = method;
  const told = (found.Parameters ?? []).filter((one) => one.Method === method);
  // What somebody wrote stays; an example gives way to the next.
  const body = $("console-body");
  const example = method === "GET" ? "" : JSON.stringify(askable.bodies[path]) ?? "";
  if (!body.value || body.value === body.dataset.example) body.value = body.dataset.example = example;
  const exampleOf = (name) => told.find((one) => one.Field === `${name} (in path)`)?.Value ?? "";
  const fields = [
    ...partsOf(path).map(({ text, name }) => ({ name, part: text, value: exampleOf(name), about: "part of the path" })),
    ...told.filter((one) => !one.Field.endsWith("(in path)")).map((one) => ({ name: one.Field, value: "", about: one.Description, hint: one.Value })),
  ];
  $("console-parameters").replaceChildren(...fields.flatMap(({ name, part, value, about, hint }, at) => {
    const input = element("input", undefined, { id: `console-part-${at}`, title: about, placeholder: hint ?? "", autocomplete: "off", spellcheck: "false" });
    input.value = value;
    input.addEventListener("input", target);
    Object.assign(input.dataset, { name, part: part ?? "" });
    return [element("label", name, { for: input.id, title: about }), input];
  }));
  target();

  function target() {
    let made = `/api/v1/${path}`;
    const query = new URLSearchParams();
    for (const one of $("console-parameters").querySelectorAll("input")) {
      if (one.dataset.part) made = made.replace(one.dataset.part, () => encodeURI(one.value));
      else if (one.value) query.append(one.dataset.name, one.value);
    }
    $("console-target").value = query.size ? `${made}?${query}` : made;
  }
}

$("console-endpoint").addEventListener("input", choose);

// ---- asking

function laidOut(told) {
  if (told.base64 !== undefined) return `${told.length} bytes that are no text, in Base64:\n${told.base64.slice(0, 20_000)}`;
  const json = told.headers.some(([name, value]) => name.toLowerCase() === "content-type" && value.includes("json"));
  let text = told.text;
  try {
    if (json) text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // What is called JSON and is none is shown as it is.
  }
  return text.length > 200_000 ? `${text.slice(0, 200_000)}\n… ${text.length - 200_000} more characters` : text;
}

const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

$("console").addEventListener("submit", (event) => {
  event.preventDefault();
  act("", async () => {
    const shown = await secret("console");
    const body = $("console-body").value;
    const headers = { Accept: "*/*" };
    if (shown) headers.Authorization = `Bearer ${shown}`;
    if (body) headers["Content-Type"] = /^\s*[[{]/.test(body) ? "application/json" : "text/plain";
    const told = await ask("POST", "console/ask", { method: $("console-method").value, target: $("console-target").value, headers, ...(body ? { body } : {}) });
    const curl = told.entry ? (await ask("GET", `journal/${told.entry}/curl`)).trim() : "";
    $("console-none").hidden = true;
    $("console-answer").hidden = false;
    $("console-status").textContent = `${told.status} ${told.reason}`;
    $("console-status").className = `badge ${told.status < 400 ? "good" : "bad"}`;
    $("console-length").textContent = `${told.length} bytes`;
    $("console-curl").textContent = shown && curl.includes("PORTMASTER_KEY") ? `PORTMASTER_KEY=${shellQuoted(shown)}\n${curl}` : curl;
    $("console-text").textContent = laidOut(told) || "(empty)";
    $("console-headers").replaceChildren(...told.headers.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
    $("console-entry").hidden = !told.entry;
    $("console-entry").textContent = `Entry ${told.entry} of the journal`;
    $("console-entry").onclick = async () => detail(await ask("GET", `journal/${told.entry}`));
  }).then(() => {
    if ($("trouble").hidden) say(`The core answered ${$("console-status").textContent}, ${$("console-length").textContent}.`);
    return showKeys();
  }).catch(complain);
});

document.addEventListener("click", async (event) => {
  const id = event.target.dataset?.copies;
  if (!id) return;
  try {
    await navigator.clipboard.writeText($(id).textContent);
    say("The line is copied.");
  } catch {
    getSelection().selectAllChildren($(id));
    say("The line is selected: copy it.");
  }
});
