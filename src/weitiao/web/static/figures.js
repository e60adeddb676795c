// The page of figures: progress, label meter, annotators, agreement, anchoring.
import { byId, element, filled, get, savedText } from "./page.js";

const AGAIN = 5000; // milliseconds
const hundred = (value) => (value === null ? null : Math.round(100 * value));
let texts;

async function begin() {
  ({ texts } = await get("/api/scheme"));
  await refresh();
  document.documentElement.dataset.ready = "1";
  setTimeout(again, AGAIN);
}

// The next look waits for the one before, however long that takes.
async function again() {
  if (!document.hidden) await refresh().catch(() => {});
  setTimeout(again, AGAIN);
}

async function refresh() {
  const now = await get("/api/figures");
  byId("figures").replaceChildren(
    ...section(texts.progress, element("p", { class: "figure" }, `${now.labelled} / ${now.labelled + now.left}`),
      element("p", { class: "note" }, now.order), element("p", { class: "note" }, filled(texts.journal, { path: now.journal }))),
    ...(now.learns ? section(texts.meter_title, ...meter(now)) : []),
    ...section(texts.labels, table([texts.labels, texts.count], Object.entries(now.labels))),
    ...section(texts.annotators, table(
      [texts.name, texts.count, texts.skipped_rows, texts.seconds, texts.gold, texts.reliability],
      now.annotators.map((one) => [one.name, one.rows, one.skipped, one.seconds?.toFixed(1),
        one.gold_rows ? `${one.gold_right} / ${one.gold_rows}` : null,
        one.reliability === null ? null : `${hundred(one.reliability)} %`]))),
    ...section(texts.agreement, ...agreement(now.agreement),
      element("p", {}, now.disputed ? filled(texts.disputed, { count: now.disputed }) : texts.no_disputes)),
    ...section(texts.anchoring, element("p", {}, anchoring(now.anchoring))));
}

const section = (title, ...content) => [element("h2", {}, title), ...content];

function table(names, rows) {
  const numeric = (at) => (at > 0 ? "number" : null);
  return element("div", { class: "scroll", tabindex: "0" }, element("table", {},
    element("thead", {}, element("tr", {}, ...names.map((name, at) =>
      element("th", { scope: "col", class: numeric(at) || "" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell, at) =>
      element("td", { class: numeric(at) || "" }, cell === null || cell === undefined ? "–" : String(cell))))))));
}

function meter({ meter: read, paying, random_share }) {
  if (read === null) return [element("p", {}, texts.meter_wait)];
  const of = (name) => hundred(read[name]);
  const lines = [element("p", { class: read.low === null ? "" : "figure" }, savedText(texts, read))];
  if (!paying) lines.push(element("p", {}, texts.meter_not));
  lines.push(element("p", {}, filled(texts.meter_score,
    { score: of("score"), low: of("score_low"), high: of("score_high") })));
  if (read.goal !== null) lines.push(element("p", {}, goal(read, random_share)));
  lines.push(curve(read), element("p", { class: "note" }, filled(texts.meter_basis, { rows: read.random_rows })));
  return lines;
}

function goal(read, share) {
  const line = hundred(read.goal);
  if (read.more === null) return filled(texts.meter_unseen, { goal: line });
  if (read.more === 0) return filled(texts.meter_reached, { goal: line });
  // The random arm takes its share of what is still labelled.
  const rows = (value) => (value === null ? texts.unbounded : Math.round(value / (1 - share)));
  return filled(texts.meter_more, { more: rows(read.more), goal: line, low: rows(read.more_low), high: rows(read.more_high) });
}

function agreement(one) {
  const number = (value) => (value === null ? "–" : value.toFixed(2));
  const rows = [[texts.same, one.same === null ? "–" : `${hundred(one.same)} %`]];
  if (one.alpha !== null) rows.push([texts.alpha, number(one.alpha)]);
  if (one.fleiss !== null) rows.push([texts.fleiss, number(one.fleiss)]);
  if (one.overlap !== null) rows.push([texts.overlap_f1, number(one.overlap)]);
  for (const [first, second, shared, kappa] of one.cohen) {
    rows.push([`${texts.cohen}: ${first} · ${second} (${shared})`, number(kappa)]);
  }
  return [element("p", {}, filled(texts.shared, { rows: one.rows })),
    ...(one.rows ? [table([texts.agreement, ""], rows)] : [])];
}

function anchoring(one) {
  if (one === null) return texts.anchoring_wait;
  return filled(texts.anchoring_text, { shown: hundred(one.shown_same), shown_rows: one.shown_rows,
    hidden: hundred(one.hidden_same), hidden_rows: one.hidden_rows,
    difference: hundred(one.difference), low: hundred(one.low), high: hundred(one.high) });
}

// Learning curves of both arms, as an SVG with a table's worth of text in its label.
function curve(read) {
  const space = "http://www.w3.org/2000/svg";
  const [width, height, left, bottom] = [420, 200, 40, 24];
  const draw = (name, values, text) => {
    const one = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(values)) one.setAttribute(key, value);
    if (text) one.textContent = text;
    return one;
  };
  const most = Math.log(Math.max(...read.sizes, ...read.random_sizes));
  const least = Math.log(Math.min(...read.sizes, ...read.random_sizes));
  const scores = [...read.curve, ...read.random_curve];
  const [low, high] = [Math.min(...scores), Math.max(...scores, read.goal ?? 0)];
  const x = (size) => left + (width - left - 12) * (Math.log(size) - least) / Math.max(1e-9, most - least);
  const y = (score) => 14 + (height - bottom - 20) * (high - score) / Math.max(1e-9, high - low);
  const label = [["arm_chosen", read.sizes, read.curve], ["arm_random", read.random_sizes, read.random_curve]]
    .map(([name, sizes, values]) => `${texts[name]}: ${sizes.map((n, at) => `${n}: ${hundred(values[at])} %`).join(", ")}`).join("; ");
  const picture = draw("svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${texts.curve}. ${label}` });
  picture.append(draw("line", { class: "axis", x1: left, x2: width, y1: height - bottom, y2: height - bottom }),
    draw("text", { x: 0, y: 18 }, `${hundred(high)} %`), draw("text", { x: 0, y: height - bottom }, `${hundred(low)} %`),
    draw("text", { x: left, y: height - 6 }, String(Math.round(Math.exp(least)))),
    draw("text", { x: width - 4, y: height - 6, "text-anchor": "end" }, `${Math.round(Math.exp(most))} ${texts.n_labels}`));
  for (const [kind, sizes, values, name] of [["a", read.sizes, read.curve, "arm_chosen"], ["b", read.random_sizes, read.random_curve, "arm_random"]]) {
    picture.append(draw("polyline", { class: kind, points: sizes.map((n, at) => `${x(n)},${y(values[at])}`).join(" ") }));
    sizes.forEach((n, at) => picture.append(draw("circle", { class: `dot-${kind}`, cx: x(n), cy: y(values[at]), r: 3 })));
    const row = kind === "a" ? 0 : 1;
    picture.append(draw("line", { class: kind, x1: width - 150, x2: width - 120, y1: height - 70 + 18 * row, y2: height - 70 + 18 * row }),
      draw("text", { x: width - 114, y: height - 66 + 18 * row }, texts[name]));
  }
  return picture;
}

begin().catch((error) => { byId("alert").textContent = error.message; });
