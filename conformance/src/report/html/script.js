"use strict";
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  document.documentElement.classList.remove("unscripted");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const checks = all(".check");
  const failures = all(".failure");
  const families = all(".family");
  const rows = all(".matrix tr[data-endpoint]");
  const buttons = all("button[data-outcome]");
  const opened = new Map(families.map((family) => [family, family.open]));

  // What an element says, in lower case, read once.
  const texts = new Map();
  const text = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = new Set(buttons.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.outcome));
    const asked = words.length > 0 || outcomes.size > 0;
    const fits = (element, said) =>
      (outcomes.size === 0 || outcomes.has(element.dataset.outcome)) && words.every((word) => said.includes(word));
    const failing = new Map(failures.map((failure) => [failure.dataset.check, failure]));
    let count = 0;
    for (const check of checks) {
      // What was answered belongs to the check, too.
      const failure = failing.get(check.id);
      const fit = fits(check, failure ? text(check) + text(failure) : text(check));
      check.hidden = !fit;
      if (failure) failure.hidden = !fit;
      if (fit) count += 1;
    }
    for (const family of families) {
      family.hidden = !all(".check", family).some((check) => !check.hidden);
      if (!asked) family.open = opened.get(family);
      else if (!family.hidden) family.open = count <= 200;
    }
    // A row of several methods has cells over all of them, so that an endpoint's rows stay together.
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.endpoint.toLowerCase().includes(word));
    const matrix = document.getElementById("matrix");
    if (matrix) matrix.hidden = words.length > 0 && rows.every((row) => row.hidden);
    const section = document.getElementById("failures");
    if (section) section.hidden = failures.every((failure) => failure.hidden);
    document.querySelector(".nothing").hidden = count > 0;
    shown.textContent = asked ? `${count} of ${checks.length} checks` : `all ${checks.length} checks`;
  };

  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80);
  });
  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      filter();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      filter();
    }
  });

  // A link to a check opens its family, and its failure if there is one.
  const arrive = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    const failure = failures.find((one) => one.dataset.check === id);
    if (failure) failure.open = true;
    const family = target.closest(".family");
    if (family) family.open = true;
    (failure ?? target).scrollIntoView({ block: failure ? "start" : "center" });
  };
  window.addEventListener("hashchange", arrive);
  arrive();

  // In the matrix the arrow keys go from cell to cell, and the tab key passes it in one step.
  const table = document.querySelector(".matrix");
  if (table) {
    const cells = all("td a", table);
    cells.forEach((cell, at) => { cell.tabIndex = at === 0 ? 0 : -1; });
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    table.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      const from = document.activeElement;
      if (!step || !cells.includes(from)) return;
      event.preventDefault();
      const here = from.getBoundingClientRect();
      const ahead = (rect) => step[0] * (rect.left - here.left) + step[1] * (rect.top - here.top);
      const aside = (rect) => step[0] ? Math.abs(rect.top - here.top) : Math.abs(rect.left - here.left);
      let best;
      for (const cell of cells) {
        if (cell.closest("[hidden]")) continue;
        const rect = cell.getBoundingClientRect();
        const far = ahead(rect) + 4 * aside(rect);
        if (ahead(rect) > 2 && (!best || far < best.far)) best = { cell, far };
      }
      if (!best) return;
      from.tabIndex = -1;
      best.cell.tabIndex = 0;
      best.cell.focus();
    });
  }

  for (const pre of all(".exchange .sent pre, .exchange .again pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(pre);
        button.textContent = "selected";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    pre.after(button);
  }
})();
