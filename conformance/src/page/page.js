"use strict";
// Asks again and again for one document, and shows what it says. Markup comes from the program alone, escaped.
(() => {
  const $ = (id) => document.getElementById(id);
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  // Replaces what an element has in it only when that differs, so that focus and selection stay.
  const fill = (parent, key, make) => {
    const text = JSON.stringify(key);
    if (parent.dataset.shown === text) return;
    parent.dataset.shown = text;
    parent.replaceChildren(...make());
  };

  let failures = "";
  const showFailures = async (key) => {
    if (failures === key) return;
    failures = key;
    const answer = await fetch("failures");
    if (!answer.ok) return;
    const open = new Map([...$("failures").querySelectorAll("details")].map((one) => [one.dataset.check, one.open]));
    const focused = $("failures").contains(document.activeElement) && document.activeElement.closest("details")?.dataset.check;
    $("failures").innerHTML = await answer.text();
    for (const one of $("failures").querySelectorAll("details")) {
      if (open.has(one.dataset.check)) one.open = open.get(one.dataset.check);
      if (focused && one.dataset.check === focused) one.querySelector("summary").focus();
    }
  };

  const choose = () => {
    const [old, newer] = ["old", "new"].map((name) => document.querySelector(`input[name=${name}]:checked`)?.value);
    $("compare").disabled = !old || !newer || old === newer;
  };
  const showPast = (past) => {
    if (!$("past")) return;
    $("past-none").hidden = past.length > 0;
    $("past-form").hidden = past.length === 0;
    const chosen = Object.fromEntries(["old", "new"].map((name) => [name, document.querySelector(`input[name=${name}]:checked`)?.value]));
    fill($("past"), past, () => past.map((one) => {
      const row = element("tr");
      const when = one.name.replace(/^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z.*$/, "$1 $2:$3:$4");
      for (const [side, word] of [["old", "older"], ["new", "newer"]]) {
        const cell = element("td");
        if (one.kind === "run") {
          const input = element("input", undefined, { type: "radio", name: side, value: one.name, "aria-label": `${when} as the ${word} one` });
          input.checked = chosen[side] === one.name;
          cell.append(input);
        }
        row.append(cell);
      }
      const link = element("a", when, { href: `past/${encodeURIComponent(one.name)}` });
      const at = element("td");
      at.append(link);
      row.append(at, element("td", one.outcome, { class: one.bad ? "fail" : "pass" }), element("td", one.target), element("td", one.contract));
      return row;
    }));
    choose();
  };

  const show = (told) => {
    const fuzz = told.kind === "fuzz";
    $("kind").textContent = fuzz ? "Fuzz campaign" : "Conformance run";
    $("target").textContent = told.target || "The target is looked for";
    const so = fuzz ? `${told.done} cases, ${told.failing} failing` : `${told.done} of ${told.total} checks, ${told.failing} did not hold`;
    $("outcome").textContent = told.outcome ?? (told.phase === "begins" ? "It begins." : so);
    $("outcome").className = `verdict ${told.bad ? "bad" : told.phase === "ended" ? "good" : ""}`;
    document.title = `${$("outcome").textContent} · conformance of ${told.target}`;
    const progress = $("progress");
    if (told.phase === "ended") progress.value = progress.max = 1;
    else if (told.total) [progress.max, progress.value] = [told.total, told.done];
    const rate = fuzz && told.seconds > 0 ? [["Cases a second", Math.round(told.done / told.seconds)]] : [];
    const facts = [["Contract", told.contract], ["Seed", told.seed], ["Time", `${told.seconds.toFixed(0)} s`], ...rate];
    fill($("facts"), facts, () => facts.map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", String(value)));
      return pair;
    }));
    const counts = Object.entries(told.counts);
    fill($("counts"), counts, () => counts.map(([name, count]) => element("li", `${count} ${name}`, { class: name })));
    $("counts").hidden = counts.length === 0;
    $("of-running").hidden = fuzz || told.phase === "ended";
    fill($("running"), told.running, () => (told.running.length ? told.running : ["Nothing."]).map((id) => element("li", id)));
    $("report").hidden = told.phase !== "ended";
    showPast(told.past);
    document.body.dataset.phase = told.phase;
    return showFailures(`${told.phase} ${fuzz ? told.found : told.failing}`);
  };

  document.addEventListener("change", choose);
  const look = async () => {
    try {
      const answer = await fetch("state.json");
      if (!answer.ok) throw new Error(String(answer.status));
      await show(await answer.json());
      $("trouble").hidden = true;
    } catch {
      $("trouble").hidden = false;
    }
    setTimeout(look, document.body.dataset.phase === "ended" ? 2000 : 400);
  };
  look();
})();
