// One run with its figures, and what the drawn runs differ in.

/** Longer values are cut where several stand side by side. */
const LONGEST = 24;
const cut = (found) => (String(found).length > LONGEST ? String(found).slice(0, LONGEST - 1) + "\u2026" : String(found));

/** More runs than this are not set side by side: each value stands with the number of its runs. */
const COLUMNS = 8;

function rows(pairs) {
  const table = element("table", "");
  for (const [name, ...cells] of pairs) {
    const row = element("tr", "");
    row.append(element("th", name, { scope: "row" }), ...cells.map((text) => element("td", text)));
    table.append(row);
  }
  const scroll = element("div", "", { class: "scroll" });
  scroll.append(table);
  return scroll;
}

function showRun(run) {
  const body = document.getElementById("run-body");
  document.getElementById("run-name").textContent = run.name;
  const memory = run.memory ? [["peak memory", Math.round(run.memory / 1e6) + " MB"]] : [];
  const facts = [
    ["status", run.status + (run.reason ? ": " + run.reason : "")],
    ["seconds", shown(run.seconds)],
    ...memory,
    ...Object.entries(run.final).map(([name, last]) => {
      const best = run.best[name];
      return [name, shown(last) + (best ? ", best " + shown(best.value) + " in epoch " + best.epoch : "")];
    }),
  ];
  const parts = [rows(facts)];
  if (run.bands.length) {
    const verdicts = run.bands.map((band) => [
      band.metric, shown(band.value), band.within ? "within" : "outside",
      shown(band.low) + " to " + shown(band.high), band.source + ", " + band.runs + " runs",
    ]);
    parts.push(element("h3", "Bands"), rows(verdicts));
  }
  parts.push(element("h3", "Figures"));
  if (run.figures.length === 0) {
    parts.push(element("p", "None on this page; --figures takes those of more runs.", { class: "quiet" }));
  }
  for (const { name, svg } of run.figures) {
    // As a picture, whose scripts do not run.
    const source = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    const picture = element("img", "", { alt: name + " of " + run.name, src: source });
    picture.addEventListener("load", () => URL.revokeObjectURL(source));
    parts.push(picture);
  }
  parts.push(element("h3", "Header"), rows(Object.entries(run.fields).map(([name, found]) => [name, found])));
  body.replaceChildren(...parts);
  document.getElementById("run").showModal();
}

function drawDifferences() {
  const some = drawn();
  const fields = some.length ? differing(some) : [];
  const section = document.getElementById("differences").closest("section");
  section.hidden = fields.length === 0;
  const head = element("tr", "");
  let body;
  if (some.length <= COLUMNS) {
    head.append(element("th", "field", { scope: "col" }));
    head.append(...some.map((run) => element("th", run.name, { scope: "col" })));
    body = fields.map((name) => [name, ...some.map((run) => cut(run.fields[name] ?? ""))]);
  } else {
    head.append(element("th", "field", { scope: "col" }), element("th", "values, and the number of runs", { scope: "col" }));
    body = fields.map((name) => {
      const counts = new Map();
      for (const run of some) {
        const found = run.fields[name] ?? "none";
        counts.set(found, (counts.get(found) ?? 0) + 1);
      }
      return [name, [...counts].map(([found, count]) => cut(found) + " (" + count + ")").join(", ")];
    });
  }
  fill("differences", head, body.map(([name, ...cells]) => {
    const row = element("tr", "");
    row.append(element("th", name, { scope: "row" }), ...cells.map((text) => element("td", text)));
    return row;
  }));
}
