// Drives the scripts of the annotation page in node with a document that is made up: prints, as
// JSON, what each kind of answer saves for a few keys. node page_logic.mjs FOLDER_OF_SCRIPTS
class Stub {
  constructor() { this.kids = []; this.classList = { add() {} }; }
  append(...kids) { this.kids.push(...kids.filter((one) => one != null)); }
  prepend(...kids) { this.kids.unshift(...kids); }
  replaceChildren(...kids) { this.kids = kids; }
  querySelectorAll() { return []; }
  contains() { return true; }
  querySelector() { return null; }
  setAttribute() {}
  addEventListener() {}
  blur() {}
  focus() {}
  select() {}
  get textContent() { return this.kids.map((one) => (typeof one === "string" ? one : one.textContent)).join(""); }
  set textContent(text) { this.kids = [text]; }
}
const byId = {};
const selection = { removeAllRanges() { this.rangeCount = 0; }, isCollapsed: true, rangeCount: 0 };
globalThis.document = {
  addEventListener() {}, removeEventListener() {},
  getSelection: () => selection,
  createElement: () => new Stub(), createTextNode: (textContent) => ({ textContent }),
  getElementById: (id) => (byId[id] ??= new Stub()),
};
const { answersOf } = await import(new URL("answers.js", `file://${process.argv[2]}/`));
const texts = new Proxy({}, { get: (_, name) => String(name) });
const text = "12 😀𠮷野家 lives in Paris 👩‍👩‍👧 today";
const row = { texts: [{ role: "text", text }], suggestion: null, before: null };
const press = (key, more = {}) => ({ key, shiftKey: false, altKey: false, ...more });
const scheme = { texts, separator: "", low: null, high: null, marked: "text", labels: ["PER", "LOC"] };
const results = {};

function mode(name, kind, more, shown, act) {
  const saved = [];
  const answers = answersOf({ ...scheme, kind, ...more }, new Stub(),
    () => saved.push(structuredClone(answers.value())), (told) => saved.push(told));
  answers.show({ ...row, ...shown });
  act(answers, (...keys) => keys.forEach((key) => answers.key(typeof key === "string" ? press(key) : key)));
  results[name] = saved;
}

const mark = press("ArrowRight", { shiftKey: true });
mode("spans", "spans", {}, {}, (one, keys) => {
  keys("Home", "ArrowRight", "ArrowRight", mark, "2", "Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", mark, "1", "2");
  one.enter();
  keys("Backspace");
  one.enter();
});
// The mouse selects a place; places in the stubs are the numbers themselves.
function select(one, start, end) {
  one.marking.place = (_, at) => at;
  Object.assign(selection, { rangeCount: 1, isCollapsed: start === end,
    getRangeAt: () => ({ startContainer: null, startOffset: start, endContainer: null, endOffset: end }) });
  one.marking.take();
}
mode("deselected", "spans", {}, {}, (one, keys) => {
  select(one, 0, 2);
  select(one, 9, 9); // a click
  keys("1");
  one.enter();
  select(one, 0, 2);
  one.marking.forget(); // removes the selection itself
  one.marking.take();
  select(one, 0, 2);
  keys("1");
  one.enter();
  select(one, 3, 5);
  keys("Backspace"); // draws the text again; what is selected stays marked
  one.marking.take();
  keys("2");
  one.enter();
});
results.text = byId["text-text"].textContent === text;
mode("suggested", "label", {}, { suggestion: { value: "LOC" } }, (one) => one.enter());
mode("label", "label", {}, {}, (one, keys) => { one.enter(); keys("x", "1"); });
mode("levels", "label", { labels: ["体育/足球", "体育/篮球", "财经/股票", "财经/基金"], separator: "/" }, {},
  (one, keys) => keys("2", "Backspace", "1", "2"));
mode("labels", "labels", {}, { before: { value: ["LOC"] } }, (one, keys) => { keys("1", "2"); one.enter(); keys("n"); });
mode("number", "number", { low: 1, high: 5 }, {}, (one, keys) => keys("9", "0", "4"));
mode("passage", "passage", {}, {}, (one, keys) => {
  one.enter();
  keys("End", press("ArrowLeft", { shiftKey: true }), press("ArrowLeft", { shiftKey: true, altKey: true }));
  one.enter();
  keys("n");
});
const long = Array.from({ length: 60 }, (_, at) => `intent ${at}`);
mode("search", "label", { labels: long }, {}, (one) => { one.choices.query = "TENT 57"; one.choices.show(); one.choices.first(); });
process.stdout.write(JSON.stringify(results));
