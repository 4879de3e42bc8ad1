"use strict";
// The page: what is chosen, what is shown, the tables and the plot.

const $ = (id) => document.getElementById(id);
const page = JSON.parse($("page").textContent);

// Pictures of the views that are shown, by name; their pixels are unpacked when they are first needed.
const views = new Map([...document.querySelectorAll(".view-data")].map((element) => {
  const [about, ...blobs] = element.children;
  const told = JSON.parse(about.textContent);
  return [told.name, { ...told, blobs }];
}));

const state = { row: 0, left: 0, right: 1, tab: "picture", stops: 0, layout: "wipe", turn: 0 };
let toner, stage, current = null;

const element = (name, options = {}, ...children) => {
  const made = document.createElement(name);
  const { attributes = {}, ...rest } = options;
  Object.assign(made, rest);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
};

const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const mapOf = (key) => page.maps.find((kind) => kind.key === key);

// Pixels and maps of one view; the one before is forgotten.
async function unpack(view) {
  const count = view.width * view.height;
  const pictures = await Promise.all(view.pictures.map(async (picture) => {
    const halves = unpackRadiance(await inflate(view.blobs[picture.pixels].textContent), count);
    const maps = {};
    for (const [key, blob] of Object.entries(picture.maps)) maps[key] = await inflate(view.blobs[blob].textContent);
    return { name: picture.name, halves, maps, painted: {} };
  }));
  return { ...view, pictures };
}

// A canvas of the size of the view: the picture at this exposure, or its error map where it has one of the chosen kind.
function paintedOf(picture) {
  const map = picture.maps[state.tab];
  const kind = map ? state.tab : "picture", key = map ? state.tab : `picture ${state.stops}`;
  const painted = (picture.painted[kind] ??= {
    canvas: element("canvas", { width: current.width, height: current.height }), key: null,
  });
  if (painted.key !== key) {
    painted.key = key;
    const image = new ImageData(current.width, current.height);
    if (map) paintMap(map, page.heat, image.data);
    else toner.paint(picture.halves, current.gain, state.stops, image.data);
    painted.canvas.getContext("2d").putImageData(image, 0, 0);
  }
  const told = map ? ` — ${mapOf(state.tab).title}` : "";
  return { source: painted.canvas, caption: `${picture.name}${told}${scoreOf(picture.name)}` };
}

function scoreOf(name) {
  const scores = page.rows[state.row].scores[name] ?? {};
  if (typeof scores.psnr_db === "number") return ` · ${scores.psnr_db.toFixed(2)} dB`;
  return typeof scores.expected_psnr_db === "number" ? ` · about ${scores.expected_psnr_db.toFixed(1)} dB` : "";
}

function refresh() {
  if (!current) return;
  $("stage").style.aspectRatio = state.layout === "wipe" ? `${current.width} / ${current.height}` : "auto";
  const { pictures } = current;
  const contents = state.layout === "grid" ? pictures.map((one) => [paintedOf(one)])
    : [[paintedOf(pictures[state.left]), paintedOf(pictures[state.right])]];
  stage.show(contents, state.layout);
  const kind = mapOf(state.tab);
  $("legend").hidden = !kind;
  if (kind) $("legend-text").textContent = `0 to ${kind.white} or more · ${kind.says}`;
  $("stops").textContent = `${state.stops > 0 ? "+" : ""}${state.stops.toFixed(2)} stops`;
  $("exposure").value = state.stops;
  $("wipe-layout").setAttribute("aria-pressed", String(state.layout === "wipe"));
  $("grid-layout").setAttribute("aria-pressed", String(state.layout === "grid"));
  $("ab").hidden = state.layout !== "wipe";
  $("left").value = state.left;
  $("right").value = state.right;
  [...$("tabs").children].forEach((tab) => tab.setAttribute("aria-selected", String(tab.dataset.key === state.tab)));
}

function fillChoices() {
  const choices = () => current.pictures.map((picture, index) => element("option", { value: index, textContent: picture.name }));
  const names = current.pictures.map((picture) => picture.name);
  const before = state.names ?? [];
  const again = (index, otherwise) => Math.max(names.indexOf(before[index]), -1) >= 0 ? names.indexOf(before[index]) : otherwise;
  [state.left, state.right] = [again(state.left, 0), again(state.right, Math.min(1, names.length - 1))];
  state.names = names;
  $("left").replaceChildren(...choices());
  $("right").replaceChildren(...choices());
  const kinds = page.maps.filter((kind) => current.pictures.some((picture) => picture.maps[kind.key]));
  if (!kinds.some((kind) => kind.key === state.tab)) state.tab = "picture";
  const tabs = [{ key: "picture", title: "Picture" }, ...kinds];
  $("tabs").replaceChildren(...tabs.map((kind) => element("button", {
    type: "button", textContent: kind.title, onclick: () => change({ tab: kind.key }), attributes: { role: "tab" },
  })));
  [...$("tabs").children].forEach((tab, index) => { tab.dataset.key = tabs[index].key; });
  $("tabs").hidden = tabs.length < 2;
}

function change(what) {
  Object.assign(state, what);
  refresh();
}

async function openRow(index) {
  state.row = (index + page.rows.length) % page.rows.length;
  const turn = ++state.turn, row = page.rows[state.row], view = views.get(row.name);
  $("view").value = state.row;
  showNumbers(row);
  showPlot();
  document.querySelector(".viewer").classList.toggle("empty", !view);
  $("stage").hidden = !view;
  if (!view) {
    current = null;
    $("shown").textContent = "There is no room on this page for the pictures of this " + page.item + ": these are its numbers.";
    return;
  }
  const unpacked = await unpack(view);
  if (turn !== state.turn) return; // another one was chosen meanwhile
  current = unpacked;
  fillChoices();
  stage.open(view.width, view.height);
  $("shown").textContent = view.crop
    ? `A crop of ${view.width}×${view.height} pixels, where it is worst: at ${view.crop[1]}, ${view.crop[0]} of ${view.crop[3]}×${view.crop[2]}.`
    : `${view.width}×${view.height} pixels. The exposure is applied to the radiance, before the view ${page.view.name}.`;
  refresh();
  document.body.dataset.ready = row.name;
}

function tableOf(scores) {
  const methods = Object.keys(scores);
  const metrics = page.metrics.filter((metric) => methods.some((name) => typeof scores[name][metric.key] === "number"));
  const rivals = methods.filter((name) => !name.startsWith("noisy"));
  const best = Object.fromEntries(metrics.filter((metric) => metric.more !== null && rivals.length > 1).map((metric) => {
    const values = rivals.map((name) => scores[name][metric.key]).filter((value) => typeof value === "number");
    return [metric.key, metric.more ? Math.max(...values) : Math.min(...values)];
  }));
  const head = element("tr", {}, element("th", { scope: "col" }), ...metrics.map((metric) => element("th", {
    scope: "col", textContent: metric.title + (metric.more === null ? "" : metric.more ? " ↑" : " ↓"),
  })));
  const rows = methods.map((name) => element("tr", {}, element("th", { scope: "row", textContent: name, title: name }),
    ...metrics.map((metric) => element("td", {
      textContent: number(scores[name][metric.key], metric.digits),
      className: metric.key in best && scores[name][metric.key] === best[metric.key] && rivals.includes(name) ? "best" : "",
    }))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function showNumbers(row) {
  $("numbers-title").textContent = row.name + (row.note ? ` (${row.note})` : "");
  $("table").replaceChildren(tableOf(row.scores));
}

// Expected against true PSNR where both are known; else the expected one of each frame.
function showPlot() {
  const points = page.rows.flatMap((row, index) => Object.entries(row.scores).map(([method, scores]) => ({
    index, method, name: row.name, expected: scores.expected_psnr_db, actual: scores.psnr_db,
  }))).filter((point) => typeof point.expected === "number");
  const known = points.filter((point) => typeof point.actual === "number");
  $("plot").hidden = !points.length;
  if (!points.length) return;
  $("plot-title").textContent = known.length ? "Expected against true PSNR" : "Expected PSNR of each frame";
  $("plot-says").textContent = known.length
    ? `Each dot is a frame: right is what adapt expected without a reference, up is what the references say. On the dashed line both agree. ${meanOff(known)}`
    : "What adapt expects of each frame, without any reference. A dot opens its frame.";
  $("plot-place").replaceChildren(known.length ? scatter(known) : frames(points));
}

function meanOff(points) {
  const off = points.map((point) => point.expected - point.actual);
  const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
  const spread = Math.sqrt(off.reduce((sum, value) => sum + value * value, 0) / off.length);
  return `Expected less true: ${mean >= 0 ? "+" : "−"}${Math.abs(mean).toFixed(2)} dB in the mean, RMS ${spread.toFixed(2)} dB.`;
}

const svg = (name, attributes, text = null) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== null) made.textContent = text;
  return made;
};

function ends(values) {
  const low = Math.min(...values), high = Math.max(...values), room = Math.max(0.5, 0.08 * (high - low));
  return [Math.floor(low - room), Math.ceil(high + room)];
}

const COLORS = ["#d9631e", "#3b82c4", "#3f9c6b", "#a35bbf", "#b08a1e"];
const PLOT = { width: 560, height: 320, left: 44, right: 14, top: 12, bottom: 42 };

function axes(graph, across, up, xEnds, yEnds, xTitle, yTitle, xMarks) {
  const { width, height, left, right, top, bottom } = PLOT;
  const step = (low, high) => [1, 2, 5, 10, 20].find((size) => (high - low) / size <= 7) ?? 50;
  const marks = ([low, high]) => {
    const size = step(low, high), first = Math.ceil(low / size) * size;
    return Array.from({ length: Math.floor((high - first) / size) + 1 }, (_, index) => first + index * size);
  };
  marks(yEnds).forEach((value) => {
    graph.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: up(value), y2: up(value) }));
    graph.append(svg("text", { x: left - 7, y: up(value) + 4, "text-anchor": "end" }, value));
  });
  (xMarks ?? marks(xEnds)).forEach((value) => {
    graph.append(svg("line", { class: "axis", x1: across(value), x2: across(value), y1: top, y2: height - bottom }));
    graph.append(svg("text", { x: across(value), y: height - bottom + 17, "text-anchor": "middle" }, xMarks ? value + 1 : value));
  });
  graph.append(svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xTitle));
  graph.append(svg("text", { x: -(top + height - bottom) / 2, y: 12, "text-anchor": "middle", transform: "rotate(-90)" }, yTitle));
}

function graphOf(points, xOf, yOf, xEnds, yEnds, xTitle, yTitle, xMarks = null, even = false) {
  const { width, height, left, right, top, bottom } = PLOT;
  const across = (value) => left + ((value - xEnds[0]) / (xEnds[1] - xEnds[0])) * (width - left - right);
  const up = (value) => height - bottom - ((value - yEnds[0]) / (yEnds[1] - yEnds[0])) * (height - top - bottom);
  const graph = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${yTitle} by ${xTitle}` });
  axes(graph, across, up, xEnds, yEnds, xTitle, yTitle, xMarks);
  if (even) graph.append(svg("line", { class: "even", x1: across(xEnds[0]), y1: up(xEnds[0]), x2: across(xEnds[1]), y2: up(xEnds[1]) }));
  const methods = [...new Set(points.map((point) => point.method))];
  points.forEach((point) => {
    const dot = svg("circle", {
      class: point.index === state.row ? "dot here" : "dot", cx: across(xOf(point)), cy: up(yOf(point)), r: 5.5,
      fill: COLORS[methods.indexOf(point.method) % COLORS.length],
    });
    const actual = typeof point.actual === "number" ? `, true ${point.actual.toFixed(2)} dB` : "";
    dot.append(svg("title", {}, `${point.name}, ${point.method}: expected ${point.expected.toFixed(2)} dB${actual}`));
    dot.addEventListener("click", () => openRow(point.index));
    graph.append(dot);
  });
  if (methods.length > 1) methods.forEach((method, index) => {
    graph.append(svg("circle", { cx: left + 12, cy: top + 12 + 18 * index, r: 5, fill: COLORS[index % COLORS.length] }));
    graph.append(svg("text", { x: left + 23, y: top + 16 + 18 * index }, method));
  });
  return graph;
}

function scatter(points) {
  const both = ends(points.flatMap((point) => [point.expected, point.actual]));
  return graphOf(points, (point) => point.expected, (point) => point.actual, both, both, "expected PSNR, dB", "true PSNR, dB", null, true);
}

function frames(points) {
  const last = Math.max(page.rows.length - 1, 1), step = Math.ceil(page.rows.length / 12);
  const marks = page.rows.map((_, index) => index).filter((index) => index % step === 0);
  const sides = [-0.5, last + 0.5];
  return graphOf(points, (point) => point.index, (point) => point.expected, sides, ends(points.map((point) => point.expected)), "frame, in order of the list", "expected PSNR, dB", marks);
}

function probe(x, y) {
  if (x === null || !current) { $("probe").textContent = ""; return; }
  const [top, left] = current.crop ?? [0, 0], at = y * current.width + x;
  const shown = state.layout === "grid" ? current.pictures : [current.pictures[state.left], current.pictures[state.right]];
  const told = shown.slice(0, 2).map((picture) => {
    const kind = picture.maps[state.tab] ? mapOf(state.tab) : null;
    if (kind) return `${picture.name}: ${((picture.maps[state.tab][at] / 255) * kind.white).toFixed(3)}`;
    return `${picture.name}: ${[0, 1, 2].map((c) => (halfValue(picture.halves[3 * at + c]) * current.gain).toPrecision(3)).join(" ")}`;
  });
  $("probe").textContent = `${x + left}, ${y + top}   ${told.join("   ")}`;
}

function step(stops) { change({ stops: clamp(state.stops + stops, -8, 8) }); }

const KEYS = {
  "+": () => stage.zoomBy(1), "=": () => stage.zoomBy(1), "-": () => stage.zoomBy(-1), "0": () => stage.fit(), "1": () => stage.zoomTo(1),
  ArrowLeft: () => stage.move(64, 0), ArrowRight: () => stage.move(-64, 0), ArrowUp: () => stage.move(0, 64), ArrowDown: () => stage.move(0, -64),
  ",": () => stage.setWipe(stage.wipe - 0.02), ".": () => stage.setWipe(stage.wipe + 0.02),
  "[": () => step(-0.25), "]": () => step(0.25), e: () => change({ stops: 0 }),
  s: () => change({ left: state.right, right: state.left }),
  t: () => { const tabs = [...$("tabs").children].map((tab) => tab.dataset.key); change({ tab: tabs[(tabs.indexOf(state.tab) + 1) % tabs.length] }); },
  g: () => change({ layout: state.layout === "wipe" ? "grid" : "wipe" }),
  n: () => openRow(state.row + 1), p: () => openRow(state.row - 1),
};

function listen() {
  $("left").onchange = (event) => change({ left: Number(event.target.value) });
  $("right").onchange = (event) => change({ right: Number(event.target.value) });
  $("swap").onclick = KEYS.s;
  $("exposure").oninput = (event) => change({ stops: Number(event.target.value) });
  $("exposure").ondblclick = KEYS.e;
  $("wipe-layout").onclick = () => change({ layout: "wipe" });
  $("grid-layout").onclick = () => change({ layout: "grid" });
  $("view").onchange = (event) => openRow(Number(event.target.value));
  $("before").onclick = KEYS.p;
  $("next").onclick = KEYS.n;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|INPUT)$/.test(event.target.tagName)) return;
    const arrow = event.key.startsWith("Arrow");
    if (event.target === $("divider") && /^Arrow(Left|Right)$/.test(event.key)) KEYS[event.key === "ArrowLeft" ? "," : "."]();
    else if (arrow && event.target !== $("stage")) return; // elsewhere they scroll the page
    else if (KEYS[event.key] ?? KEYS[event.key.toLowerCase()]) (KEYS[event.key] ?? KEYS[event.key.toLowerCase()])();
    else return;
    event.preventDefault();
  });
}

function showFixed() {
  $("title").textContent = page.title;
  $("facts").replaceChildren(...page.facts.map(([what, value]) => element("div", {}, element("dt", { textContent: what }), element("dd", { textContent: value }))));
  $("notes").replaceChildren(...[...page.notes, `Made by n2n-render ${page.version}. The page holds all that it shows and loads nothing.`]
    .map((note) => element("p", { textContent: note })));
  $("view").replaceChildren(...page.rows.map((row, index) => element("option", {
    value: index, textContent: row.name + (views.has(row.name) ? "" : " (numbers only)"),
  })));
  $("view-name").textContent = page.item === "frame" ? "Frame" : "View";
  $("view-choice").hidden = page.rows.length < 2;
  $("means").hidden = page.rows.length < 2 || !Object.keys(page.mean).length;
  $("means-title").textContent = `Mean of ${page.rows.length} ${page.item}s`;
  $("mean-table").replaceChildren(tableOf(page.mean));
  $("ramp").style.background = `linear-gradient(to right, ${[0, 51, 102, 153, 204, 255].map((level) => `rgb(${page.heat.slice(3 * level, 3 * level + 3)})`)})`;
  const zooms = [["Fit", () => stage.fit()], ...[1, 2, 4, 8].map((zoom) => [`${zoom}×`, () => stage.zoomTo(zoom)])];
  $("zooms").replaceChildren(...zooms.map(([text, onclick]) => element("button", { type: "button", textContent: text, onclick })));
}

function showZoom() {
  [...$("zooms").children].forEach((button) => {
    const on = stage.zoom === null ? button.textContent === "Fit" : `${stage.zoom}×` === button.textContent;
    button.setAttribute("aria-pressed", String(on));
  });
}

async function start() {
  showFixed();
  if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old to unpack the pictures; a newer one is needed");
  toner = new Toner(page.view, await inflate($("lookup").textContent));
  stage = new Stage($("stage"), $("panes"), $("divider"), showZoom, probe);
  listen();
  const first = page.rows.findIndex((row) => (page.opens === null ? views.has(row.name) : row.name === page.opens));
  await openRow(Math.max(first, 0));
}

start().catch((error) => {
  $("trouble").hidden = false;
  $("trouble").textContent = `The page cannot be shown: ${error.message}.`;
  throw error;
});
