// The curves: one chart for each chosen metric.

/** More lines than this are thin and without markers. */
const MANY = 8;
/** More lines than this are not named together at the cursor, but one by one. */
const NAMED = 6;
/** The share of the axis that + and - add and take away, and that the arrows move by. */
const ZOOM = 0.2;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** plotly reads some HTML in names: it gets none. */
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** TensorBoard's smoothing: an exponential mean that starts without bias. */
function smoothed(values) {
  let mean = 0;
  let weight = 0;
  return values.map((found) => {
    if (found === null) return null;
    mean = mean * chosen.smoothing + found * (1 - chosen.smoothing);
    weight = weight * chosen.smoothing + 1 - chosen.smoothing;
    return mean / weight;
  });
}

/** A run's points of a metric, with a gap between two folds; across steps those of single steps, if the log has them. */
function points(run, metric) {
  const bySteps = chosen.across === "step" && run.steps.metrics[metric]?.length > 0;
  const place = bySteps ? run.steps : run.epochs;
  const values = place.metrics[metric];
  if (!values) return null;
  const fold = place.fold;
  const line = { x: [], y: [] };
  let part = [];
  const close = () => {
    line.y.push(...smoothed(part), null);
    line.x.push(null);
    part = [];
  };
  values.forEach((found, at) => {
    if (at > 0 && fold[at] !== fold[at - 1]) close();
    line.x.push(place[chosen.across][at]);
    part.push(found);
  });
  close();
  return line;
}

function lineOf(run, metric, many) {
  const line = points(run, metric);
  if (!line || line.y.every((found) => found === null)) return [];
  const name = plain(run.name);
  return [{
    ...line,
    name,
    mode: many || line.x.length > 60 ? "lines" : "lines+markers",
    marker: { size: 5 },
    line: { color: colour(run), dash: dash(run), width: many ? 1 : 2 },
    hovertemplate: "%{y:.5g}<extra>" + name + "</extra>",
  }];
}

/** The mean over the seeds of an experiment, and an area from the lowest to the highest. */
function areaOf(group, metric, many) {
  const at = new Map();
  for (const run of group) {
    const line = points(run, metric) ?? { x: [], y: [] };
    line.x.forEach((x, place) => {
      const found = line.y[place];
      if (found !== null) at.set(x, [...(at.get(x) ?? []), found]);
    });
  }
  if (at.size === 0) return [];
  const x = [...at.keys()].sort((a, b) => a - b);
  const of = (measure) => x.map((place) => measure(at.get(place)));
  const mean = of((values) => values.reduce((sum, found) => sum + found, 0) / values.length);
  const low = of((values) => Math.min(...values));
  const high = of((values) => Math.max(...values));
  const first = group[0];
  const name = plain(first.name) + (group.length > 1 ? " and " + (group.length - 1) + " more" : "");
  const edge = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
  return [
    { ...edge, y: low },
    { ...edge, y: high, fill: "tonexty", fillcolor: colour(first) + "33" },
    {
      x, y: mean, name, mode: "lines",
      line: { color: colour(first), dash: dash(first), width: many ? 1 : 2 },
      hovertemplate: "%{y:.5g}<extra>" + name + "</extra>",
    },
  ];
}

/** The ranges that results are expected in, as areas behind the curves. */
function bandsOf(some, metric) {
  const found = new Map();
  for (const band of some.flatMap((run) => run.bands)) {
    if (band.metric === metric || band.metric.startsWith(metric + ".")) {
      found.set([band.low, band.high].join(), band);
    }
  }
  const corners = ["top left", "bottom right", "top right", "bottom left"];
  return [...found.values()].map((band, place) => ({
    type: "rect", xref: "paper", x0: 0, x1: 1, yref: "y", y0: band.low, y1: band.high,
    fillcolor: css("--band"), line: { width: 0 }, layer: "below",
    label: {
      text: plain(band.source) + " " + shown(band.low) + " to " + shown(band.high),
      textposition: corners[place % corners.length], font: { size: 10, color: css("--quiet") },
    },
  }));
}

const CONFIG = {
  responsive: true, displaylogo: false, scrollZoom: false, showTips: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};

function layout(metric, some, many) {
  const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
  return {
    margin: { l: 50, r: 12, t: 36, b: 44 }, showlegend: false,
    title: { text: plain(metric), font: { size: 15 }, x: 0.02, xanchor: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--quiet"), activecolor: css("--text") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: css("--text"), family: "system-ui, sans-serif" },
    hoverlabel: { namelength: -1 },
    hovermode: many ? "closest" : "x unified",
    // As long as it stays the same, plotly keeps the reader's zoom.
    uirevision: [chosen.across, chosen.logarithmic].join(),
    xaxis: { ...axis, title: { text: { epoch: "epoch", step: "step", seconds: "seconds of training" }[chosen.across] } },
    yaxis: { ...axis, type: chosen.logarithmic ? "log" : "linear", exponentformat: "e" },
    shapes: chosen.bands ? bandsOf(some, metric) : [],
  };
}

/** Zooms and moves a chart along its horizontal axis. */
function keys(event) {
  const chart = event.currentTarget;
  const step = { "+": [1, -1], "=": [1, -1], "-": [-1, 1], ArrowLeft: [-1, -1], ArrowRight: [1, 1] }[event.key];
  if (event.key === "0") {
    Plotly.relayout(chart, { "xaxis.autorange": true, "yaxis.autorange": true });
  } else if (step) {
    const [low, high] = chart._fullLayout.xaxis.range;
    const move = (high - low) * ZOOM;
    Plotly.relayout(chart, { "xaxis.range": [low + step[0] * move, high + step[1] * move] });
  } else {
    return;
  }
  event.preventDefault();
}

function chartOf(metric) {
  const place = document.getElementById("charts");
  const found = [...place.children].find((chart) => chart.dataset.metric === metric);
  if (found) return found;
  const chart = document.createElement("div");
  chart.className = "chart";
  chart.dataset.metric = metric;
  chart.tabIndex = 0;
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", "Curves of " + metric);
  chart.addEventListener("keydown", keys);
  place.append(chart);
  return chart;
}

function drawCharts() {
  const some = drawn();
  const groups = chosen.seeds === "mean" ? experiments(some) : some;
  const lines = chosen.seeds === "mean" ? areaOf : lineOf;
  const place = document.getElementById("charts");
  for (const chart of [...place.children]) {
    if (!chosen.metrics.has(chart.dataset.metric)) {
      Plotly.purge(chart);
      chart.remove();
    }
  }
  const charts = metricsOf(runs).filter((name) => chosen.metrics.has(name)).map((metric) => {
    const traces = groups.flatMap((one) => lines(one, metric, groups.length > MANY));
    const chart = chartOf(metric);
    chart.hidden = traces.length === 0;
    return { metric, traces, chart };
  });
  // Only now, when it is known which frames are shown: a chart takes the width that its frame has.
  for (const { metric, traces, chart } of charts) {
    if (chart.hidden) continue;
    Plotly.react(chart, traces, layout(metric, some, groups.length > NAMED), CONFIG);
    if (chart._fullLayout.width !== chart.clientWidth) Plotly.relayout(chart, { autosize: true });
  }
}
