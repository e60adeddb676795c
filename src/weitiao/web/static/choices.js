// Buttons for labels with a key each, a search field for many, step by step through a hierarchy.
import { byId, element } from "./page.js";

export const KEYS = "1234567890qwertyiopadfhjklzxvbm"; // without u, s, c, g, n and other commands
const SEARCHED = 12; // labels, from which there is a search field

export class Choices {
  // labels; onPick(label); state(label) -> {pressed, suggested}; tint: whether labels have colours
  constructor(box, texts, labels, { separator = "", onPick, state, tint = false }) {
    Object.assign(this, { box, texts, labels, separator, onPick, state, tint });
    this.path = [];
    this.query = "";
    this.list = element("ul", { class: "choices" });
    if (labels.length > SEARCHED) {
      this.field = element("input", { id: "search", type: "search", autocomplete: "off" });
      this.field.addEventListener("input", () => { this.query = this.field.value; this.show(); });
      box.append(element("p", { class: "field" },
        element("label", { for: "search" }, texts.search), this.field));
    }
    box.append(this.list);
    this.show();
  }

  reset() {
    this.path = [];
    this.query = "";
    if (this.field) this.field.value = "";
    this.show();
  }

  entries() {
    const wanted = this.query.trim().toLowerCase();
    if (wanted) {
      return this.labels.filter((label) => label.toLowerCase().includes(wanted))
        .map((label) => ({ text: label, label }));
    }
    if (!this.separator) return this.labels.map((label) => ({ text: label, label }));
    const depth = this.path.length, seen = new Map();
    for (const label of this.labels) {
      const parts = label.split(this.separator).map((part) => part.trim());
      if (this.path.some((part, at) => parts[at] !== part)) continue;
      const whole = parts.length <= depth + 1;
      const text = parts[Math.min(depth, parts.length - 1)];
      if (whole) seen.set("=" + text, { text, label });
      else if (!seen.has(">" + text)) seen.set(">" + text, { text, step: text });
    }
    return [...seen.values()];
  }

  show() {
    this.shown = this.entries();
    this.list.replaceChildren();
    if (this.path.length) {
      this.list.append(element("li", {}, this.button(this.texts.back, "⌫", () => this.up())));
    }
    this.shown.forEach((entry, at) => {
      const one = this.button(entry.text, KEYS[at], () => this.pick(entry));
      if (entry.step) {
        one.append("›");
        const inside = [this.path.concat(entry.step).join(this.separator)];
        if (this.labels.some((label) => this.state(label).suggested
            && label.replaceAll(" ", "").startsWith(inside[0].replaceAll(" ", "")))) this.suggest(one);
      } else {
        const { pressed, suggested } = this.state(entry.label);
        one.setAttribute("aria-pressed", pressed ? "true" : "false");
        if (suggested) this.suggest(one);
        if (this.tint) one.prepend(element("span", {
          class: `swatch t${this.labels.indexOf(entry.label) % 8}`, "aria-hidden": "true" }));
      }
      this.list.append(element("li", {}, one));
    });
  }

  suggest(button) {
    button.classList.add("suggested");
    button.append(element("span", { class: "badge" }, this.texts.suggested));
  }

  button(text, key, click) {
    const one = element("button", { type: "button", click: () => { one.blur(); click(); } },
      element("span", {}, text), key ? element("kbd", {}, key) : null);
    one.addEventListener("mousedown", (event) => event.preventDefault()); // keeps what is marked
    return one;
  }

  pick(entry) {
    if (entry.step) { this.path.push(entry.step); this.query = ""; this.show(); } else this.onPick(entry.label);
  }

  up() { this.path.pop(); this.show(); }

  // Whether the key was one of these buttons.
  key(key) {
    if (key === "Backspace" && this.path.length) { this.up(); return true; }
    const at = KEYS.indexOf(key);
    if (key.length !== 1 || at < 0 || at >= this.shown.length) return false;
    this.pick(this.shown[at]);
    return true;
  }

  // Enter in the search field: the first that is shown.
  first() {
    if (this.shown.length && this.query.trim()) { byId("search").blur(); this.pick(this.shown[0]); }
  }
}
