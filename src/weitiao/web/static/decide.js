// Adjudication: rows with different answers; one of them is chosen.
import { byId, element, filled, get, post } from "./page.js";

let texts;
const annotator = () => {
  try { return localStorage.getItem("weitiao-annotator") || "adjudicator"; } catch { return "adjudicator"; }
};

async function begin() {
  ({ texts } = await get("/api/scheme"));
  await refresh();
  document.documentElement.dataset.ready = "1";
}

async function refresh() {
  const rows = await get("/api/disagreements");
  byId("disputes").replaceChildren(
    element("p", {}, rows.length ? filled(texts.disputed, { count: rows.length }) : texts.no_disputes),
    ...rows.map(dispute));
}

function dispute(row) {
  const choices = element("ul", { class: "choices" });
  const seen = new Map();
  for (const one of row.answers) {
    const key = JSON.stringify(one.value);
    if (!seen.has(key)) seen.set(key, { ...one, who: [] });
    seen.get(key).who.push(one.annotator + (one.comment ? ` (${one.comment})` : ""));
  }
  for (const one of seen.values()) {
    choices.append(element("li", {}, element("button", { type: "button",
      "aria-label": `${texts.is_right}: ${one.shown}`, click: () => decide(row, one.value) },
      element("span", {}, one.shown), element("span", { class: "badge" }, one.who.join(", ")))));
  }
  return element("section", { class: "dispute", "aria-label": row.row },
    ...row.texts.flatMap(({ column, text }) => [element("h2", {}, column),
      element("div", { class: "text", tabindex: "0", role: "region", "aria-label": `${row.row} ${column}` }, text)]),
    choices, element("p", { class: "note" }, row.row));
}

async function decide(row, value) {
  try {
    await post("/api/decide", { annotator: annotator(), print: row.print, value });
    byId("status").textContent = texts.decided;
    byId("alert").textContent = "";
    await refresh();
  } catch (error) { byId("alert").textContent = filled(texts.not_saved, { reason: error.message }); }
}

begin().catch((error) => { byId("alert").textContent = error.message; });
