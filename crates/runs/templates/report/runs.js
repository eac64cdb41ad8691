"use strict";
// The runs, what the reader chose, and which runs follow from it.

const runs = JSON.parse(document.getElementById("data").textContent);

const chosen = {
  model: "",
  filter: "",
  sort: { column: "started", descending: true },
  page: 0,
  most: 12,
  hidden: new Set(),
  metrics: new Set(),
  across: "epoch",
  seeds: "each",
  smoothing: 0,
  logarithmic: false,
  bands: true,
};

const COLOURS = [
  "#4878d0", "#ee854a", "#3ca35a", "#d65f5f", "#956cb4", "#8c613c", "#dc7ec0", "#797979", "#b8a123", "#38a6b8",
];
const DASHES = ["solid", "dash", "dot", "dashdot"];

/** A run keeps its line, whatever is drawn beside it. */
const colour = (run) => COLOURS[runs.indexOf(run) % COLOURS.length];
const dash = (run) => DASHES[Math.floor(runs.indexOf(run) / COLOURS.length) % DASHES.length];

/** The value of a column: of the table, a header's field, or a metric's final value. */
function value(run, column) {
  if (column === "name" || column === "status" || column === "seconds" || column === "speed") {
    return run[column];
  }
  if (column === "epochs") {
    return run.epochs.epoch.length;
  }
  if (column === "verdict") {
    return run.bands.length ? run.bands.filter((band) => band.within).length / run.bands.length : undefined;
  }
  return run.final[column] ?? run.fields[column] ?? run.fields["recipe." + column];
}

const COMPARISONS = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "!=": (a, b) => a !== b,
  "=": (a, b) => a === b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

/** Whether a run satisfies one word of the filter: `recipe.learning_rate>0.1`, or a text that it has somewhere. */
function satisfies(run, word) {
  const parts = word.match(/^([^<>=!]+)(>=|<=|!=|=|>|<)(.+)$/);
  if (!parts) {
    return run.text.includes(word.toLowerCase());
  }
  const [, column, sign, wanted] = parts;
  const found = value(run, column);
  if (found === undefined) {
    return false;
  }
  const number = Number(wanted);
  return typeof found === "number" && !Number.isNaN(number)
    ? COMPARISONS[sign](found, number)
    : COMPARISONS[sign](String(found), wanted);
}

/** Losses of two models are no curves of one chart: the page opens with the newest run's model. */
const model = (run) => run.fields.chapter + " " + run.fields.model;

/** The runs that model and filter leave, in the table's order. */
function listed() {
  const words = chosen.filter.split(/\s+/).filter(Boolean);
  const { column, descending } = chosen.sort;
  const found = runs.filter((run) =>
    (chosen.model === "" || chosen.model === model(run)) && words.every((word) => satisfies(run, word)));
  const order = (a, b) => {
    const [x, y] = [value(a, column), value(b, column)];
    if (x === y) return 0;
    // Runs without a value come last, either way.
    if (x === undefined || x === null) return 1;
    if (y === undefined || y === null) return -1;
    const numbers = typeof x === "number" && typeof y === "number";
    const sign = numbers ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return descending ? -sign : sign;
  };
  return found.sort(order);
}

/** Of these, the runs whose curves are drawn: the first ones, without those that the reader hid. */
function drawn() {
  const first = chosen.most === "all" ? listed() : listed().slice(0, chosen.most);
  return first.filter((run) => !chosen.hidden.has(run));
}

/** Runs by experiment, in order. */
function experiments(some) {
  const groups = new Map();
  for (const run of some) {
    groups.set(run.experiment, [...(groups.get(run.experiment) ?? []), run]);
  }
  return [...groups.values()];
}

/** The header's fields in which these runs differ: the recipe's first. */
function differing(some) {
  const names = new Set(some.flatMap((run) => Object.keys(run.fields)));
  const differs = (name) => some.some((run) => run.fields[name] !== some[0].fields[name]);
  const rank = (name) => (name.startsWith("recipe.") ? 0 : 1);
  return [...names]
    .filter((name) => name !== "started" && differs(name))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The metrics of the epochs of these runs: training first. */
function metricsOf(some) {
  const names = new Set(some.flatMap((run) => Object.keys(run.epochs.metrics)));
  const rank = (name) => ["train.", "valid."].findIndex((group) => name.startsWith(group)) + 1 || 3;
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** A number as the other programs print it: four significant digits. */
function shown(number) {
  if (typeof number !== "number") {
    return number ?? "";
  }
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    return number.toExponential(3);
  }
  return Number.isInteger(number) ? String(number) : number.toFixed(size >= 10 ? 2 : 4);
}

for (const run of runs) {
  run.text = [run.name, run.status, ...Object.values(run.fields)].join(" ").toLowerCase();
}
