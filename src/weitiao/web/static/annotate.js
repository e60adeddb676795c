// The page that labels: rows one after the other, keys, undo, skip, comment, guideline.
import { answersOf, stepsOf } from "./answers.js";
import { Refused, byId, element, filled, get, post, savedText } from "./page.js";

const RETRY = 1500; // milliseconds between two attempts to save
const METER = 20; // answers between two looks at the meter
const NAME = "weitiao-annotator";
let scheme, texts, answers, row, annotator, last = null, busy = false, active = 0, since = 0, saved = 0;

const say = (text) => { byId("status").textContent = text; };
const warn = (text) => { byId("alert").textContent = text; };
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

async function begin() {
  scheme = await get("/api/scheme");
  texts = scheme.texts;
  for (const id of ["version"]) byId(id).addEventListener("change", showVersion);
  byId("help").append(...[texts[stepsOf(scheme) ? "keys_scale" : `keys_${scheme.kind}`], texts.enter_accepts, texts.keys_all, texts.keys_in_field]
    .map((line) => element("p", {}, line)));
  showGuidelines(scheme.guidelines);
  answers = answersOf(scheme, byId("answer"), save, say);
  for (const [id, act] of Object.entries({ undo, skip, "comment-open": comment, reopen,
    "guideline-open": guideline, "help-open": help, "guideline-save": newGuideline, rename })) {
    byId(id).addEventListener("click", () => { byId(id).blur(); act(); });
  }
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", clock);
  byId("who").addEventListener("submit", (event) => { event.preventDefault(); signIn(byId("name").value); });
  let known = "";
  try { known = localStorage.getItem(NAME) || ""; } catch { /* private window */ }
  if (known) await signIn(known);
  if (!annotator) { byId("who").hidden = false; byId("name").value = known; byId("name").focus(); }
  document.documentElement.dataset.ready = "1";
}

async function signIn(name) {
  try {
    const next = await post("/api/next", { annotator: name });
    annotator = name;
    byId("me").textContent = name;
    try { localStorage.setItem(NAME, name); } catch { /* private window */ }
    byId("who").hidden = true;
    show(next);
    look();
  } catch (error) { warn(error.message); }
}

function rename() {
  byId("who").hidden = false;
  byId("name").value = annotator;
  byId("name").select();
}

// --- a row

function show(next) {
  row = next.row;
  const { mine, all, left, undo: taken, older, reopened } = next.progress;
  byId("progress").textContent = filled(texts.mine, { mine, all, left });
  byId("bar").firstElementChild.style.width = `${(100 * all) / Math.max(1, all + left)}%`;
  last = taken; // the number of what undo takes back, or null
  byId("undo").disabled = last === null;
  byId("older").hidden = !older || reopened > 0;
  byId("older").firstElementChild.textContent = filled(texts.older, { count: older });
  byId("work").hidden = false;
  byId("done").hidden = row !== null;
  for (const id of ["row", "answer"]) byId(id).hidden = row === null;
  for (const id of ["skip", "comment-open"]) byId(id).disabled = row === null;
  byId("comment").value = row?.before?.comment || "";
  if (!byId("comment").value) closePanel("comment-box", "comment-open");
  if (row === null) { byId("row").replaceChildren(); return; }
  byId("row").replaceChildren(...row.texts.flatMap(({ role, column, text }) => [
    element("h2", { id: `name-${role}` }, column),
    element("div", { class: "text", id: `text-${role}`, tabindex: "0", role: "region", dir: "auto",
      "aria-labelledby": `name-${role}` }, text)]));
  byId("row").append(element("p", { class: "note" }, row.row + (row.before ? ` · ${texts.your_answer}` : "")));
  answers.show(row);
  if (document.activeElement === document.body) byId("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
  active = 0;
  since = performance.now();
  document.documentElement.dataset.row = row.print;
}

function clock() {
  if (document.hidden) active += performance.now() - since;
  since = performance.now();
}

const seconds = () => (active + (document.hidden ? 0 : performance.now() - since)) / 1000;

// --- saving: nothing is called saved before the server has it on its disk

async function send(path, values, done) {
  if (busy || row === null && path !== "/api/undo" && path !== "/api/reopen") return;
  busy = true;
  byId("answer").setAttribute("aria-busy", "true");
  try {
    for (;;) {
      try {
        const next = await post(path, values);
        warn("");
        say(done);
        show(next);
        return;
      } catch (error) {
        if (error instanceof Refused) { warn(filled(texts.not_saved, { reason: error.message })); return; }
        warn(texts.offline); // the same ticket again: it counts once
        await pause(RETRY);
      }
    }
  } finally {
    busy = false;
    byId("answer").removeAttribute("aria-busy");
  }
}

async function save() {
  const value = answers.value();
  if (value === null || row === null) return;
  await send("/api/answer", { annotator, ticket: row.ticket, print: row.print, value,
    seconds: seconds(), comment: byId("comment").value }, texts.saved);
  saved += 1;
  if (saved % METER === 0) look();
}

const skip = () => row && send("/api/skip", { annotator, ticket: row.ticket, print: row.print }, texts.skipped);
const undo = () => !byId("undo").disabled && send("/api/undo", { annotator, number: last }, texts.undone);
const reopen = () => send("/api/reopen", { annotator }, "");

async function look() {
  try {
    const { order, meter } = await get("/api/meter");
    byId("meter").textContent = meter === null ? order : savedText(texts, meter);
  } catch { /* the next answer says so */ }
}

// --- panels

function toggle(panel, opener) {
  const open = byId(panel).hidden;
  byId(panel).hidden = !open;
  byId(opener).setAttribute("aria-expanded", String(open));
  return open;
}

function closePanel(panel, opener) {
  byId(panel).hidden = true;
  byId(opener).setAttribute("aria-expanded", "false");
}

const comment = () => { if (toggle("comment-box", "comment-open")) byId("comment").focus(); };
const help = () => toggle("help", "help-open");
const guideline = () => { if (toggle("guideline", "guideline-open")) byId("guideline-text").focus(); };

function showGuidelines(versions) {
  scheme.guidelines = versions;
  byId("version").replaceChildren(...versions.map((_, at) =>
    element("option", { value: at, selected: at === versions.length - 1 }, filled(texts.version, { version: at + 1 }))));
  byId("version").parentElement.hidden = versions.length < 2;
  byId("guideline-edit").value = versions.at(-1) || "";
  showVersion();
}

function showVersion() {
  const version = byId("version").value;
  byId("guideline-text").textContent = scheme.guidelines[version || 0] || texts.no_guideline;
}

async function newGuideline() {
  try {
    const { guidelines, progress } = await post("/api/guideline", { annotator, text: byId("guideline-edit").value });
    showGuidelines(guidelines);
    byId("older").hidden = !progress.older;
    byId("older").firstElementChild.textContent = filled(texts.older, { count: progress.older });
    warn("");
  } catch (error) { warn(error.message); }
}

// --- keys

const COMMANDS = { u: undo, s: skip, c: comment, g: guideline, "?": help };

function onKey(event) {
  // While an input method composes, every key belongs to it; 229 is its key code in old browsers.
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented || !annotator) return;
  const place = event.target;
  const inField = place.matches("input, textarea, select");
  if (event.key === "Enter") { onEnter(event, place, inField); return; }
  if (event.ctrlKey || event.metaKey) return;
  if (inField) {
    const command = event.altKey && event.code.startsWith("Key") && COMMANDS[event.code.slice(3).toLowerCase()];
    if (event.key === "Escape") { place.blur(); event.preventDefault(); }
    else if (command) { event.preventDefault(); command(); }
    return;
  }
  if (event.repeat && !event.key.startsWith("Arrow") && event.key !== "Backspace") return;
  if (row !== null && !busy && answers.key(event)) { event.preventDefault(); return; }
  if (event.key === "/" && byId("search")) { event.preventDefault(); byId("search").focus(); return; }
  const command = !event.altKey && COMMANDS[event.key.toLowerCase()];
  if (command) { event.preventDefault(); command(); }
}

function onEnter(event, place, inField) {
  if (event.repeat) return;
  if (place.id === "search") { event.preventDefault(); answers.choices.first(); return; }
  if (place.tagName === "TEXTAREA") {
    const sends = (event.ctrlKey || event.metaKey) && place.id !== "guideline-edit";
    if (sends) { event.preventDefault(); if (row !== null) save(); }
    return;
  }
  if (place.matches("button, a, summary, select") || place.form || (inField && place.id !== "number")) return;
  event.preventDefault();
  if (row !== null && !busy) answers.enter();
}

begin().catch((error) => warn(error.message));
