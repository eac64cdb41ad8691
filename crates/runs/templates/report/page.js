// The controls, and the theme.

function draw() {
  drawTable();
  drawCharts();
  drawExperiments();
  drawDifferences();
}

/** Calls `change` with a control's value whenever it changes, then draws. */
function control(id, change) {
  const found = document.getElementById(id);
  found.addEventListener("input", () => {
    change(found);
    draw();
  });
}

function page(step) {
  chosen.page += step;
  drawTable();
}

/** The models with the number of their runs; the newest run's is chosen. */
function offerModels() {
  const counts = new Map();
  for (const run of runs) {
    counts.set(model(run), (counts.get(model(run)) ?? 0) + 1);
  }
  const select = document.getElementById("model");
  select.append(new Option("all (" + runs.length + ")", ""));
  select.append(...[...counts].map(([name, count]) => new Option(name + " (" + count + ")", name)));
  chosen.model = counts.size > 1 ? model(runs[0]) : "";
  select.value = chosen.model;
}

/** A box for each metric; those of the losses and scores are ticked. */
function offerMetrics() {
  const all = metricsOf(runs);
  const usual = ["train.loss", "valid.loss", "valid.accuracy"].filter((name) => all.includes(name));
  chosen.metrics = new Set(usual.length ? usual : all.slice(0, 2));
  for (const name of all) {
    const label = element("label", "", { class: "check" });
    const box = element("input", "", { type: "checkbox", value: name });
    box.checked = chosen.metrics.has(name);
    box.addEventListener("change", () => {
      if (box.checked) chosen.metrics.add(name);
      else chosen.metrics.delete(name);
      drawCharts();
    });
    label.append(box, " " + name);
    document.getElementById("metrics").append(label);
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function paint() {
  const wanted = document.getElementById("theme").value;
  const theme = wanted === "system" ? (dark.matches ? "dark" : "light") : wanted;
  document.documentElement.dataset.theme = theme;
}

control("model", (select) => {
  chosen.model = select.value;
  chosen.page = 0;
});
control("filter", (input) => {
  chosen.filter = input.value;
  chosen.page = 0;
});
control("most", (select) => {
  chosen.most = select.value === "all" ? "all" : Number(select.value);
});
control("across", (select) => {
  chosen.across = select.value;
});
control("seeds", (select) => {
  chosen.seeds = select.value;
});
control("smoothing", (range) => {
  chosen.smoothing = Number(range.value);
});
control("logarithmic", (box) => {
  chosen.logarithmic = box.checked;
});
control("bands", (box) => {
  chosen.bands = box.checked;
});
control("theme", paint);
dark.addEventListener("change", () => {
  paint();
  draw();
});
document.getElementById("previous").addEventListener("click", () => page(-1));
document.getElementById("next").addEventListener("click", () => page(1));

paint();
offerModels();
offerMetrics();
draw();
