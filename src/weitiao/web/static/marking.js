// Marking of places in a text by keyboard, mouse or touch. Places count UTF-16 units, as
// JavaScript does; the server turns them into characters and checks what they hold.
import { element } from "./page.js";

const WINDOW = 400; // units around the caret that are cut into words
const words = new Intl.Segmenter(undefined, { granularity: "word" });
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export class Marking {
  // box: the element with the text; spans: [{start, end, label, quote}]; labels: for the colours
  constructor(box, text, labels) {
    Object.assign(this, { box, text, labels, spans: [], anchor: 0, focus: 0, shown: false });
    this.onSelection = () => this.take();
    document.addEventListener("selectionchange", this.onSelection);
    this.render();
  }

  end() { document.removeEventListener("selectionchange", this.onSelection); }

  get start() { return Math.min(this.anchor, this.focus); }
  get stop() { return Math.max(this.anchor, this.focus); }
  get marked() { return this.stop > this.start; }

  // What the mouse or a finger has selected, widened to whole characters; a click marks nothing.
  take() {
    const selection = document.getSelection();
    if (!selection || !selection.rangeCount) return; // also after our own removeAllRanges
    const range = selection.getRangeAt(0);
    if (!this.box.contains(range.startContainer) || !this.box.contains(range.endContainer)) return;
    this.anchor = this.whole(this.place(range.startContainer, range.startOffset), -1);
    this.focus = selection.isCollapsed ? this.anchor : this.whole(this.place(range.endContainer, range.endOffset), 1);
    this.hide();
  }

  // What the keys marked is over. The nodes stay: replacing them would end a selection under way.
  hide() {
    this.shown = false;
    this.box.querySelectorAll(".chosen-text").forEach((one) => one.classList.remove("chosen-text"));
    this.box.querySelectorAll(".caret").forEach((one) => one.remove());
  }

  // Before the text is drawn again, which would collapse a selection in it: ours from here on.
  keep() {
    const selection = document.getSelection();
    if (!selection?.rangeCount || !this.box.contains(selection.getRangeAt(0).startContainer)) return;
    if (this.marked) this.shown = true;
    selection.removeAllRanges();
  }

  place(node, offset) {
    const range = document.createRange();
    range.setStart(this.box, 0);
    range.setEnd(node, offset);
    return range.toString().length;
  }

  whole(at, direction) {
    const code = this.text.charCodeAt(at);
    return at > 0 && code >= 0xdc00 && code <= 0xdfff ? at + direction : at;
  }

  // The next border in a direction; whole words, or single characters.
  border(at, forward, single, toEnd) {
    const segmenter = single ? characters : words;
    const from = this.whole(Math.max(0, at - WINDOW), -1);
    const part = forward ? this.text.slice(at, this.whole(at + WINDOW, 1)) : this.text.slice(from, at);
    const pieces = [...segmenter.segment(part)];
    if (!pieces.length) return at;
    const blank = (piece) => !single && !piece.segment.trim();
    if (forward) {
      let next = 0;
      if (toEnd) { // marking: blanks, then a word
        while (next < pieces.length - 1 && blank(pieces[next])) next += 1;
        return at + pieces[next].index + pieces[next].segment.length;
      }
      next = 1; // moving: the beginning of the next word
      while (next < pieces.length && blank(pieces[next])) next += 1;
      return next < pieces.length ? at + pieces[next].index : at + part.length;
    }
    let last = pieces.length - 1;
    while (last > 0 && blank(pieces[last])) last -= 1;
    return from + pieces[last].index;
  }

  // Whether the key moved or marked something.
  key(event) {
    const { key, shiftKey, altKey } = event;
    const single = altKey;
    if (key === "Home" || key === "End") this.focus = key === "Home" ? 0 : this.text.length;
    else if (key === "ArrowRight" || key === "ArrowLeft") {
      const forward = key === "ArrowRight";
      if (!shiftKey && this.marked && forward) this.focus = this.stop;
      else this.focus = this.border(this.focus, forward, single, shiftKey);
    } else return false;
    if (!shiftKey) {
      this.anchor = this.focus;
      if (/\s/.test(this.text[this.focus] || "") && key === "ArrowRight" && !single) {
        this.focus = this.anchor = this.skipBlanks(this.focus);
      }
    }
    this.shown = true;
    document.getSelection()?.removeAllRanges();
    this.render();
    return true;
  }

  skipBlanks(at) {
    while (at < this.text.length && /\s/.test(this.text[at])) at += 1;
    return at;
  }

  // What is marked, without blanks at its ends; null when nothing is. A key may come before the
  // browser tells of the selection.
  chosen(label = "") {
    this.take();
    let { start, stop } = this;
    while (start < stop && /\s/.test(this.text[start])) start += 1;
    while (stop > start && /\s/.test(this.text[stop - 1])) stop -= 1;
    if (stop <= start) return null;
    return { start, end: stop, label, quote: this.text.slice(start, stop) };
  }

  forget() {
    this.anchor = this.focus = this.skipBlanks(this.stop);
    document.getSelection()?.removeAllRanges();
  }

  render() {
    this.keep();
    const cuts = new Set([0, this.text.length]);
    for (const span of this.spans) cuts.add(span.start).add(span.end);
    if (this.shown) cuts.add(this.start).add(this.stop);
    const places = [...cuts].sort((one, two) => one - two);
    this.box.replaceChildren();
    const caret = () => this.box.append(element("i", { class: "caret", "aria-hidden": "true" }));
    for (let at = 0; at < places.length; at += 1) {
      if (this.shown && places[at] === this.focus) caret();
      if (at + 1 === places.length) break;
      const [from, to] = [places[at], places[at + 1]];
      const over = this.spans.filter((span) => span.start <= from && span.end >= to);
      let node = document.createTextNode(this.text.slice(from, to));
      if (this.shown && this.marked && from >= this.start && to <= this.stop) {
        node = element("span", { class: "chosen-text" }, node);
      }
      for (const span of over) {
        const last = span.end === to;
        node = element("mark", {
          class: `t${Math.max(0, this.labels.indexOf(span.label)) % 8}`,
          "data-label": last ? span.label : null }, node);
      }
      this.box.append(node);
    }
    if (this.shown) this.box.querySelector(".caret")?.scrollIntoView({ block: "nearest" });
  }
}
