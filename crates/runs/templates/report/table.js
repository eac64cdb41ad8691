// The table of the runs, and that of the experiments.

/** Rows of a page. */
const ROWS = 50;
/** Header fields that get a column if the runs differ in them; further ones are in a run's own view. */
const FIELDS = 8;

const TITLES = {
  name: "run", speed: "examples per second", seconds: "seconds", epochs: "epochs", verdict: "within bands",
};
/** Read from the run's name, or of no interest beside it. */
const UNTITLED = new Set([
  "schema", "started", "chapter", "threads", "parameters", "versions.d2l", "versions.candle",
  "data.sha256", "data.source", "data.train", "data.valid", "recipe.epochs",
]);

const element = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, given] of Object.entries(attributes)) {
    made.setAttribute(name, given);
  }
  return made;
};

function fill(id, head, body) {
  const table = document.getElementById(id);
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...body);
}

/** Names of the final values, those of the epochs first. */
function finals(some) {
  const names = new Set([...metricsOf(some), ...some.flatMap((run) => Object.keys(run.final))]);
  return [...names].filter((name) => some.some((run) => name in run.final));
}

function columns(some) {
  const fields = differing(some).filter((name) => !UNTITLED.has(name)).slice(0, FIELDS);
  const verdict = some.some((run) => run.bands.length) ? ["verdict"] : [];
  return ["name", "started", "status", ...fields, "epochs", ...finals(some), ...verdict, "seconds", "speed"];
}

function cell(run, column) {
  const found = value(run, column);
  if (column === "name") {
    const made = element("th", "", { scope: "row" });
    const button = element("button", found, { type: "button", class: "link" });
    button.addEventListener("click", () => showRun(run));
    made.append(button);
    return made;
  }
  if (column === "verdict") {
    const within = run.bands.filter((band) => band.within).length;
    const text = run.bands.length ? within + " of " + run.bands.length : "";
    return element("td", text, { class: within < run.bands.length ? "number outside" : "number" });
  }
  if (column === "started") {
    return element("td", String(found).replace("T", " ").slice(0, 16));
  }
  const made = element("td", shown(found), typeof found === "number" ? { class: "number" } : {});
  if (column === "status") made.className = run.status;
  const best = run.best[column];
  if (best) made.title = "best " + shown(best.value) + " in epoch " + best.epoch;
  return made;
}

function heading(column) {
  const { sort } = chosen;
  const sorted = sort.column === column ? (sort.descending ? "descending" : "ascending") : "none";
  const made = element("th", "", { scope: "col", "aria-sort": sorted });
  const button = element("button", TITLES[column] ?? column.replace(/^recipe\./, ""), {
    type: "button", class: "link", title: "Sort by " + column, "data-column": column,
  });
  button.addEventListener("click", () => {
    chosen.sort = { column, descending: sort.column === column ? !sort.descending : false };
    chosen.page = 0;
    draw();
    document.querySelector('#table [data-column="' + CSS.escape(column) + '"]').focus();
  });
  made.append(button);
  return made;
}

/** Shows or hides the curve of one run; in the head, of all that are listed. */
function toggle(some, label, drawnNow) {
  const box = element("input", "", { type: "checkbox", "aria-label": label, title: label });
  box.checked = some.some((run) => !chosen.hidden.has(run));
  box.addEventListener("change", () => {
    for (const run of some) {
      if (box.checked) chosen.hidden.delete(run);
      else chosen.hidden.add(run);
    }
    draw();
    const again = [...document.querySelectorAll("#table input")].find((other) => other.title === label);
    again?.focus();
  });
  const made = element("td", "", { class: "swatch" });
  made.append(box);
  if (drawnNow) {
    const line = element("span", "");
    line.style.borderTop = "3px " + { solid: "solid", dash: "dashed" }[dash(some[0])] + " " + colour(some[0]);
    if (dash(some[0]).startsWith("d") && dash(some[0]) !== "dash") line.style.borderTopStyle = "dotted";
    line.style.borderTopColor = colour(some[0]);
    made.append(line);
  }
  return made;
}

function drawTable() {
  const all = listed();
  const lines = new Set(drawn());
  const pages = Math.max(1, Math.ceil(all.length / ROWS));
  chosen.page = Math.min(chosen.page, pages - 1);
  const names = columns(all);
  const head = element("tr", "");
  head.append(toggle(all, "Show or hide all curves", false), ...names.map(heading));
  const page = all.slice(chosen.page * ROWS, (chosen.page + 1) * ROWS);
  const body = page.map((run) => {
    const row = element("tr", "");
    row.append(toggle([run], "Show the curve of " + run.name, lines.has(run)));
    row.append(...names.map((column) => cell(run, column)));
    return row;
  });
  fill("table", head, body);
  document.getElementById("page").textContent = "page " + (chosen.page + 1) + " of " + pages;
  document.getElementById("previous").disabled = chosen.page === 0;
  document.getElementById("next").disabled = chosen.page === pages - 1;
  document.getElementById("matching").textContent =
    all.length + " of " + runs.length + " runs match, " + lines.size + " drawn";
}

function drawExperiments() {
  const groups = experiments(listed()).filter((group) => group.length > 1).slice(0, ROWS);
  const firsts = groups.map((group) => group[0]);
  const fields = differing(firsts).filter((name) => !UNTITLED.has(name) && name !== "seed").slice(0, FIELDS);
  const names = finals(firsts);
  const head = element("tr", "");
  for (const name of ["experiment", ...fields, "seeds", ...names]) {
    head.append(element("th", name.replace(/^recipe\./, ""), { scope: "col" }));
  }
  const body = groups.map((group) => {
    const row = element("tr", "");
    const { chapter, model, implementation, preset } = group[0].fields;
    row.append(element("th", [chapter, model, implementation, preset].join(" "), { scope: "row" }));
    row.append(...fields.map((name) => element("td", shown(group[0].fields[name]))));
    row.append(element("td", group.length, { class: "number" }));
    for (const name of names) {
      const values = group.map((run) => run.final[name]).filter((found) => typeof found === "number");
      const mean = values.reduce((sum, found) => sum + found, 0) / values.length;
      const range = shown(Math.min(...values)) + " to " + shown(Math.max(...values));
      row.append(element("td", values.length ? shown(mean) + " (" + range + ")" : "", { class: "number" }));
    }
    return row;
  });
  fill("experiments", head, body);
  document.getElementById("experiments").closest("section").hidden = groups.length === 0;
}
