// The kinds of answers: each has show(row), key(event), value() or null, and enter().
import { byId, element, filled } from "./page.js";
import { Choices } from "./choices.js";
import { Marking } from "./marking.js";

export function answersOf(scheme, box, save, tell) {
  const kinds = { label: OneLabel, labels: Labels, number: Numbers, text: FreeText, spans: Spans, passage: Passage };
  return new kinds[scheme.kind]({ scheme, texts: scheme.texts, box, save, tell });
}

// Whether numbers have a button each: whole ones, at most ten.
export const stepsOf = ({ kind, low, high }) => kind === "number" && low !== null
  && Number.isInteger(low) && Number.isInteger(high) && high - low < 10;
// The key of such a button: its digit.
const keyOf = (step) => (step >= 0 && step <= 9 ? String(step) : null);

// The value to begin with: one's own earlier answer, else the suggestion.
const begins = (row) => (row.before ? row.before.value : row.suggestion ? row.suggestion.value : null);

class OneLabel {
  constructor(tools) {
    Object.assign(this, tools);
    this.own = this.suggested = null;
    const { labels, separator } = this.scheme;
    this.choices = new Choices(this.box, this.texts, labels, {
      separator, onPick: (label) => { this.chosen = label; this.save(); },
      state: (label) => ({ pressed: label === this.own, suggested: label === this.suggested }) });
  }
  show(row) {
    this.chosen = null;
    this.own = row.before ? row.before.value : null;
    this.suggested = row.suggestion ? row.suggestion.value : null;
    this.choices.reset();
  }
  value() { return this.chosen; }
  key(event) { return !event.altKey && this.choices.key(event.key); }
  enter() {
    this.chosen = this.suggested ?? this.own;
    if (this.chosen !== null) this.save();
  }
}

class Labels {
  constructor(tools) {
    Object.assign(this, tools);
    this.chosen = new Set();
    this.suggested = new Set();
    this.choices = new Choices(this.box, this.texts, this.scheme.labels, {
      onPick: (label) => this.toggle(label),
      state: (label) => ({ pressed: this.chosen.has(label), suggested: this.suggested.has(label) }) });
    const none = element("button", { type: "button", click: () => this.nothing() }, this.texts.none, element("kbd", {}, "n"));
    const done = element("button", { type: "button", class: "primary", click: () => this.enter() },
      this.texts.save_next, element("kbd", {}, "↵"));
    this.box.append(element("p", { class: "field" }, done, none));
  }
  show(row) {
    this.chosen = new Set(begins(row) || []);
    this.suggested = new Set(row.suggestion ? row.suggestion.value : []);
    this.choices.reset();
  }
  toggle(label) {
    if (!this.chosen.delete(label)) this.chosen.add(label);
    this.choices.show();
  }
  value() { return [...this.chosen]; }
  nothing() { this.chosen.clear(); this.save(); }
  key(event) {
    if (event.key === "n") { this.nothing(); return true; }
    return !event.altKey && this.choices.key(event.key);
  }
  enter() { if (this.chosen.size) this.save(); else this.tell(this.texts.none + ": n"); }
}

class Numbers {
  constructor(tools) {
    Object.assign(this, tools);
    const { low, high } = this.scheme;
    const scale = stepsOf(this.scheme);
    this.field = element("input", { id: "number", inputmode: "decimal", autocomplete: "off", size: 8 });
    const hint = low === null ? null
      : element("span", { class: "note", id: "range" }, filled(this.texts.between, { low, high }));
    if (hint) this.field.setAttribute("aria-describedby", "range");
    const done = element("button", { type: "button", class: "primary", click: () => this.enter() },
      this.texts.save_next, element("kbd", {}, "↵"));
    if (scale) {
      this.steps = element("ul", { class: "choices" });
      for (let step = low; step <= high; step += 1) {
        const one = element("button", { type: "button", "aria-pressed": "false",
          "data-step": step, click: () => { one.blur(); this.pick(step); } },
        element("span", {}, String(step)), keyOf(step) ? element("kbd", { "aria-hidden": "true" }, keyOf(step)) : null);
        this.steps.append(element("li", {}, one));
      }
      this.box.append(this.steps);
    }
    this.scale = scale;
    this.box.append(element("p", { class: "field" },
      element("label", { for: "number" }, this.texts.number), this.field, hint, done));
  }
  pick(step) { this.field.value = String(step); this.save(); }
  show(row) {
    const value = begins(row);
    this.field.value = value === null ? "" : String(value);
    this.steps?.querySelectorAll("button").forEach((one) =>
      one.setAttribute("aria-pressed", one.dataset.step === this.field.value ? "true" : "false"));
    if (!this.scale) { this.field.focus(); this.field.select(); }
  }
  value() { return this.field.value.trim() ? this.field.value : null; }
  key(event) {
    const step = Number(event.key);
    if (!this.scale || event.altKey || event.key === " " || !Number.isInteger(step)) return false;
    if (step < this.scheme.low || step > this.scheme.high) return false;
    this.pick(step);
    return true;
  }
  enter() { if (this.value() !== null) this.save(); }
}

class FreeText {
  constructor(tools) {
    Object.assign(this, tools);
    this.field = element("textarea", { id: "free", rows: 4 });
    const done = element("button", { type: "button", class: "primary", click: () => this.save() },
      this.texts.save_next, element("kbd", {}, "Ctrl ↵"));
    this.box.append(element("div", { class: "field wide" },
      element("label", { for: "free" }, this.texts.your_text), this.field, done));
  }
  show(row) { this.field.value = begins(row) ?? ""; this.field.focus(); }
  value() { return this.field.value.trim() ? this.field.value : null; }
  key() { return false; }
  enter() { this.field.focus(); }
}

class Spans {
  constructor(tools) {
    Object.assign(this, tools);
    this.choices = new Choices(this.box, this.texts, this.scheme.labels, {
      onPick: (label) => this.add(label), tint: true, state: () => ({}) });
    this.list = element("ul", { class: "marked", "aria-label": this.texts.spans });
    const done = element("button", { type: "button", class: "primary", click: () => this.enter() },
      this.texts.save_next, element("kbd", {}, "↵"));
    this.box.append(this.list, element("p", { class: "field" }, done));
  }
  show(row) {
    this.marking?.end();
    const { text } = row.texts.find((one) => one.role === this.scheme.marked);
    this.marking = new Marking(byId(`text-${this.scheme.marked}`), text, this.scheme.labels);
    this.marking.spans = begins(row) || [];
    this.choices.reset();
    this.refresh();
  }
  add(label) {
    const span = this.marking.chosen(label);
    if (!span) { this.tell(this.texts.select_first); return; }
    const same = (one) => one.start === span.start && one.end === span.end && one.label === label;
    if (this.marking.spans.some(same)) { this.tell(this.texts.overlap); return; }
    this.marking.spans.push(span);
    this.marking.spans.sort((one, two) => one.start - two.start || one.end - two.end);
    this.latest = span;
    this.marking.forget();
    this.refresh();
  }
  remove(span) {
    this.marking.spans = this.marking.spans.filter((one) => one !== span);
    this.refresh();
  }
  refresh() {
    this.marking.render();
    this.list.replaceChildren(...this.marking.spans.map((span) => element("li", {},
      element("span", {}, `${span.quote} · ${span.label}`),
      element("button", { type: "button", "aria-label": `${this.texts.remove}: ${span.quote}`,
        click: () => this.remove(span) }, "×"))));
    if (!this.marking.spans.length) {
      this.list.append(element("li", { class: "note" }, this.texts.nothing_marked));
    }
  }
  value() { return this.marking.spans; }
  key(event) {
    if (this.marking.key(event)) return true;
    if (event.key === "Backspace" && !this.choices.path.length) {
      const { spans } = this.marking;
      if (spans.length) this.remove(spans.includes(this.latest) ? this.latest : spans[spans.length - 1]);
      return true;
    }
    return !event.altKey && this.choices.key(event.key);
  }
  enter() { this.save(); }
}

class Passage {
  constructor(tools) {
    Object.assign(this, tools);
    const done = element("button", { type: "button", class: "primary", click: () => this.enter() },
      this.texts.save_next, element("kbd", {}, "↵"));
    const none = element("button", { type: "button", click: () => this.nothing() },
      this.texts.no_answer, element("kbd", {}, "n"));
    for (const one of [done, none]) one.addEventListener("mousedown", (event) => event.preventDefault());
    this.box.append(element("p", { class: "field" }, done, none));
  }
  show(row) {
    this.marking?.end();
    const { text } = row.texts.find((one) => one.role === this.scheme.marked);
    this.marking = new Marking(byId(`text-${this.scheme.marked}`), text, [""]);
    const [first] = begins(row) || [];
    if (first) {
      Object.assign(this.marking, { anchor: first.start, focus: first.end, shown: true });
      this.marking.render();
    }
    this.answer = null;
  }
  nothing() { this.answer = []; this.save(); }
  value() { return this.answer; }
  key(event) {
    if (event.key === "n" && !event.altKey) { this.nothing(); return true; }
    return this.marking.key(event);
  }
  enter() {
    const chosen = this.marking.chosen();
    if (!chosen) { this.tell(this.texts.select_first); return; }
    this.answer = [chosen];
    this.save();
  }
}
