// Uses a report as a reader would. Called by report-check.sh.
import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const [report, screenshots, executablePath] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage();
const problems = [];
page.on("console", (message) => ["error", "warn"].includes(message.type()) && problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => /^(https?|ws):/.test(request.url()) && problems.push(request.url()));

const began = Date.now();
await page.setViewport({ width: 1400, height: 1000 });
await page.goto("file://" + report, { waitUntil: "load" });
console.log("opened in " + (Date.now() - began) + " ms");

const shot = (name, options = {}) => page.screenshot({ path: screenshots + "/" + name + ".png", ...options });
const count = (selector) => page.$$eval(selector, (found) => found.length);
const column = (index) =>
  page.$$eval("#table tbody tr", (rows, index) => rows.map((row) => row.children[index].textContent), index);
const traces = () => page.$eval(".chart", (chart) => chart.data.filter((trace) => trace.name).length);
const range = () => page.$eval(".chart", (chart) => chart._fullLayout.xaxis.range.map(Number));
const choose = (selector, value) => page.select(selector, value);
const type = async (text) => {
  await page.$eval("#filter", (input) => { input.value = ""; });
  await page.type("#filter", text || " ");
};
/** For what the browser does by itself after an event. */
const pause = (milliseconds = 500) => new Promise((done) => setTimeout(done, milliseconds));
async function check(name, work) {
  await work();
  console.log("ok  " + name);
}

await check("charts and table are there", async () => {
  assert.ok((await count(".chart .main-svg")) > 0 && (await count("#table tbody tr")) > 0);
  await shot("light", { fullPage: true });
});
/** How much narrower the drawings are than their frames. */
const unused = () => page.$$eval(".chart:not([hidden])", (charts) =>
  charts.map((chart) => chart.clientWidth - chart.querySelector(".main-svg").clientWidth));
await check("every chart fills its frame, for any model", async () => {
  const models = await page.$$eval("#model option", (found) => found.map((option) => option.value).reverse());
  for (const model of models) {
    await choose("#model", model);
    await pause(100);
    const left = await unused();
    assert.ok(left.every((pixels) => Math.abs(pixels) <= 2), model + ": " + left);
  }
  assert.equal(models.at(-1), "");
});
await check("a column sorts, both ways", async () => {
  const names = await column(1);
  await page.click('#table [data-column="name"]');
  const rising = await column(1);
  await page.click('#table [data-column="name"]');
  const falling = await column(1);
  assert.ok(names.length < 2 || rising[0] !== falling[0]);
  assert.equal(await page.$eval('#table [data-column="name"]', (b) => b.parentNode.ariaSort), "descending");
});
await check("the filter leaves the runs that match", async () => {
  const all = await count("#table tbody tr");
  const name = (await column(1))[0];
  await type(name);
  assert.ok((await column(1)).every((other) => other.includes(name)));
  await type("epochs>1000000");
  assert.equal(await count("#table tbody tr"), 0);
  await type("");
  assert.equal(await count("#table tbody tr"), all);
});
await check("a run's curve is hidden and shown", async () => {
  const before = await traces();
  await page.click("#table tbody tr .swatch input");
  const hidden = await page.$eval("#matching", (found) => found.textContent);
  await page.click("#table tbody tr .swatch input");
  assert.notEqual(hidden, await page.$eval("#matching", (found) => found.textContent));
  assert.equal(await traces(), before);
});
await check("dragging zooms, a double click shows all", async () => {
  const before = await range();
  const plot = await (await page.$(".chart .nsewdrag")).boundingBox();
  await page.mouse.move(plot.x + plot.width * 0.3, plot.y + plot.height * 0.5);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.6, plot.y + plot.height * 0.5, { steps: 5 });
  await page.mouse.up();
  const zoomed = await range();
  assert.ok(zoomed[0] > before[0] && zoomed[1] < before[1], before + " to " + zoomed);
  await pause();
  await page.focus(".chart");
  await page.keyboard.press("0");
  assert.deepEqual(await range(), before);
});
await check("the keyboard zooms", async () => {
  const before = await range();
  await page.focus(".chart");
  await page.keyboard.press("+");
  const zoomed = await range();
  assert.ok(zoomed[1] - zoomed[0] < before[1] - before[0]);
  await page.keyboard.press("0");
});
await check("smoothing, a logarithmic axis, steps, seeds together", async () => {
  const first = () => page.$eval(".chart", (chart) => JSON.stringify(chart.data[0].y));
  const before = await first();
  await page.$eval("#smoothing", (input) => {
    input.value = 0.8;
    input.dispatchEvent(new Event("input"));
  });
  assert.notEqual(await first(), before);
  await page.click("#logarithmic");
  assert.equal(await page.$eval(".chart", (chart) => chart._fullLayout.yaxis.type), "log");
  await choose("#across", "step");
  await choose("#seeds", "mean");
  await shot("seeds", { fullPage: true });
  await page.click("#logarithmic");
  await choose("#across", "epoch");
  await choose("#seeds", "each");
  await page.$eval("#smoothing", (input) => {
    input.value = 0;
    input.dispatchEvent(new Event("input"));
  });
  assert.equal(await first(), before);
});
await check("a run opens from the keyboard and closes with Escape", async () => {
  await page.focus("#table tbody button.link");
  await page.keyboard.press("Enter");
  assert.ok(await page.$eval("#run", (dialog) => dialog.open));
  await pause();
  await shot("run");
  await page.keyboard.press("Escape");
  assert.ok(!(await page.$eval("#run", (dialog) => dialog.open)));
});
await check("hovering names a run and its value", async () => {
  await page.$eval(".chart", (chart) => chart.scrollIntoView());
  const labels = ".chart .hovertext, .chart .hoverlayer .legend";
  const plot = await (await page.$(".chart .nsewdrag")).boundingBox();
  for (let at = 0.05; at < 1 && (await count(labels)) === 0; at += 0.02) {
    await page.mouse.move(plot.x + plot.width * 0.5, plot.y + plot.height * at);
    await page.waitForSelector(labels, { timeout: 300 }).catch(() => {});
  }
  assert.ok((await count(labels)) > 0);
});
await check("dark, by the switch and by the system", async () => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await choose("#theme", "dark");
  const dark = await background();
  assert.notEqual(dark, light);
  await shot("dark", { fullPage: true });
  await choose("#theme", "system");
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await pause();
  assert.equal(await background(), dark);
  await page.emulateMediaFeatures([]);
});
await check("a phone's width needs no sideways scrolling", async () => {
  await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  await pause(800);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1));
  await shot("phone", { fullPage: true });
});
await check("nothing foreign ran, nothing was fetched, no errors", async () => {
  assert.equal(await page.evaluate(() => window.foreign), undefined);
  assert.deepEqual(problems, []);
});
await browser.close();
