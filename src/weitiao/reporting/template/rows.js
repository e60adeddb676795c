// The table of all rows: unpacks the columns, filters, sorts, draws the visible rows, saves csv.
(async () => {
  "use strict";
  const place = document.getElementById("all-rows");
  const element = (name, text, more) => { // text nodes only: cells are other people's words
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return Object.assign(made, more);
  };
  const unpack = async () => {
    const packed = atob(document.getElementById("rows-packed").textContent);
    const bytes = new Uint8Array(packed.length); // a loop: from() with a function takes 0.3 s
    for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  };
  if (typeof DecompressionStream === "undefined") { // the first rows remain
    document.getElementById("old").hidden = false;
    return;
  }
  const { rows, columns, words, language } = await unpack();
  const named = Object.fromEntries(columns.map((column) => [column.key, column]));

  // --- cells
  const figures = new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en-US", { maximumSignificantDigits: 4 });
  const whole = new Intl.NumberFormat(language === "zh" ? "zh-CN" : "en-US", { maximumFractionDigits: 0 });
  for (const column of columns) {
    if (column.kind === "coded") column.spelled = column.sets.map((set) => set.map((at) => column.names[at]).join(words.separator) || "—");
  }
  const cell = (column, row) => {
    if (column.kind === "coded") return column.values ? column.values[row] : column.spelled[column.codes[row]];
    const value = column.values[row];
    if (column.kind === "text") return column.prefix + value;
    if (value === null) return "—";
    if (column.decimals) return (value * column.scale).toFixed(column.decimals);
    return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential(3) : (Math.abs(value) < 1000 ? figures : whole).format(value);
  };
  const value = (column, row) => { // by which rows are sorted
    if (column.kind === "number") return column.values[row];
    if (column.kind === "coded") return column.values ? column.values[row] : column.spelled[column.codes[row]];
    return column.values[row];
  };

  // --- filters
  const form = place.querySelector(".filters");
  const blank = { text: "", least: "", most: "", shortest: "", longest: "" };
  const filter = { ...blank, sets: {} };
  const ranges = [["confidence", "least", "most", 0.05, 1], ["length", "shortest", "longest", 1, null]];
  const field = (title, control) => {
    const label = element("label", title);
    label.append(control);
    form.append(label);
    return control;
  };
  const search = field(words.search, element("input", undefined, { type: "search", id: "search" }));
  const selects = {};
  for (const column of columns) {
    if (column.kind !== "coded" || column.names.length < 2) continue;
    const select = field(column.title, element("select", undefined, { id: `by-${column.key}` }));
    select.append(element("option", words.all, { value: "" }));
    column.names.forEach((name, at) => select.append(element("option", name, { value: String(at) })));
    select.addEventListener("change", () => { filter.sets[column.key] = select.value; apply(); });
    selects[column.key] = select;
  }
  const bounds = {};
  for (const [key, low, high, step, most] of ranges) {
    if (!named[key]) continue;
    for (const name of [low, high]) {
      const box = field(words[name], element("input", undefined, { type: "number", min: 0, step, id: name }));
      if (most !== null) box.max = most;
      box.addEventListener("input", () => { filter[name] = box.value; apply(); });
      bounds[name] = box;
    }
  }
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter.text = search.value; apply(); }, 120);
  });
  const readable = columns.filter((column) => column.kind !== "number" && column.key !== "slices");
  const folded = new Map(); // a column's cells in lower case, made at the first search
  const lower = (column) => {
    if (!folded.has(column)) {
      folded.set(column, column.kind === "coded" && !column.values
        ? column.spelled.map((one) => one.toLowerCase())
        : Array.from({ length: rows }, (_, row) => cell(column, row).toLowerCase()));
    }
    return folded.get(column);
  };
  const tests = () => {
    const made = [];
    for (const [key, wanted] of Object.entries(filter.sets)) {
      if (wanted === "") continue;
      const column = named[key];
      const fits = column.sets.map((set) => set.includes(Number(wanted)));
      made.push((row) => fits[column.codes[row]]);
    }
    for (const [key, low, high] of ranges) {
      const column = named[key];
      if (!column || (filter[low] === "" && filter[high] === "")) continue;
      const least = filter[low] === "" ? -Infinity : Number(filter[low]) / column.scale - 1e-9;
      const most = filter[high] === "" ? Infinity : Number(filter[high]) / column.scale + 1e-9;
      made.push((row) => column.values[row] !== null && column.values[row] >= least && column.values[row] <= most);
    }
    const text = filter.text.trim().toLowerCase();
    if (text) {
      made.push((row) => readable.some((column) => {
        const cells = lower(column);
        return cells[column.kind === "coded" && !column.values ? column.codes[row] : row].includes(text);
      }));
    }
    return made;
  };

  // --- order
  let order = { column: null, down: false };
  const collator = new Intl.Collator(language === "zh" ? "zh-CN" : "en", { numeric: true });
  const sorted = (found) => {
    const { column, down } = order;
    if (!column) return found;
    const sign = down ? -1 : 1;
    if (column.kind === "coded" && !column.values) { // few different cells: their ranks
      const ranks = new Array(column.sets.length);
      column.spelled.map((name, at) => [name, at]).sort((a, b) => collator.compare(a[0], b[0]))
        .forEach(([, at], rank) => { ranks[at] = rank; });
      return found.sort((a, b) => sign * (ranks[column.codes[a]] - ranks[column.codes[b]]) || a - b);
    }
    const worth = (row) => value(column, row);
    if (typeof worth(0) === "string") { // plain comparison: a collator takes seconds for 100,000 texts
      return found.sort((a, b) => (worth(a) < worth(b) ? -sign : worth(a) > worth(b) ? sign : a - b));
    }
    return found.sort((a, b) => {
      const [one, other] = [worth(a), worth(b)];
      if (one === null || other === null) return (one === null) - (other === null) || a - b;
      return sign * (one - other) || a - b;
    });
  };

  // --- the visible rows
  const pane = document.getElementById("window");
  const head = pane.querySelector("thead tr"), body = pane.querySelector("tbody");
  const HEIGHT = 34, BESIDE = 12; // of a row in pixels, as in report.css; rows beyond the edges
  let found = [];
  const gap = (height) => {
    const row = element("tr", undefined, { className: "gap" });
    row.setAttribute("aria-hidden", "true");
    const inner = row.appendChild(element("td", undefined, { colSpan: columns.length }));
    inner.style.height = `${height}px`;
    return row;
  };
  const wide = { number: "is-number", text: "is-text", coded: "is-coded" };
  const draw = () => {
    const first = Math.max(0, Math.floor(pane.scrollTop / HEIGHT) - BESIDE);
    const last = Math.min(found.length, Math.ceil((pane.scrollTop + pane.clientHeight) / HEIGHT) + BESIDE);
    const drawn = [gap(first * HEIGHT)];
    for (let at = first; at < last; at += 1) {
      const row = element("tr", undefined, { className: at % 2 ? "odd" : "" });
      row.setAttribute("aria-rowindex", String(at + 2));
      columns.forEach((column, index) => {
        const text = cell(column, found[at]);
        const made = row.appendChild(element(index ? "td" : "th", undefined, { className: `${wide[column.kind]} of-${column.key}` }));
        if (index === 0) {
          made.scope = "row";
          made.append(element("button", undefined, { type: "button", className: "open", title: text }));
          made.firstChild.append(element("bdi", text)); // the button is cut at its beginning
          made.firstChild.addEventListener("click", () => open(found[at]));
          return;
        }
        if (column.key === "right") made.classList.add(column.codes[found[at]] ? "is-right" : "is-wrong");
        made.append(element("bdi", column.key === "right" ? `${column.codes[found[at]] ? "✓" : "✕"} ${text}` : text));
      });
      drawn.push(row);
    }
    drawn.push(gap((found.length - last) * HEIGHT));
    body.replaceChildren(...drawn);
  };
  let asked = 0;
  const later = () => { if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); }); };
  pane.addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  const widths = { text: 240, number: 110, coded: 130 }; // in pixels; together the least of the table
  const room = (column) => Math.max(widths[column.kind], column.kind === "number" ? 40 + 7 * column.title.length : 0);
  const least = columns.reduce((sum, column) => sum + room(column), 0);
  pane.querySelector("table").style.minWidth = `${least}px`;
  for (const column of columns) {
    const made = head.appendChild(element("th", undefined, { scope: "col", className: `${wide[column.kind]} of-${column.key}` }));
    if (room(column) > widths[column.kind]) made.style.width = `${room(column)}px`;
    const button = made.appendChild(element("button", column.title, { type: "button" }));
    button.addEventListener("click", () => {
      order = order.column !== column ? { column, down: column.kind === "number" && column.key !== "id" }
        : order.down === (column.kind === "number") ? { column, down: !order.down } : { column: null, down: false };
      apply();
    });
  }

  // --- one row whole
  const chosen = document.getElementById("chosen");
  const open = (row) => {
    const list = element("dl");
    for (const column of columns) {
      const pair = list.appendChild(element("div"));
      pair.append(element("dt", column.title), element("dd"));
      pair.lastChild.append(element("bdi", cell(column, row)));
    }
    chosen.replaceChildren(list);
    chosen.hidden = false;
  };

  // --- all together
  const count = document.getElementById("found"), clear = document.getElementById("clear");
  const apply = () => {
    const made = tests();
    const kept = [];
    for (let row = 0; row < rows; row += 1) if (made.every((test) => test(row))) kept.push(row);
    found = sorted(kept);
    const shown = (number) => number.toLocaleString("en-US");
    count.textContent = found.length ? words.shown.replace("{shown}", shown(found.length)).replace("{all}", shown(rows)) : words.none;
    clear.hidden = !made.length;
    [...head.children].forEach((one, at) => {
      const state = order.column !== columns[at] ? "none" : order.down ? "descending" : "ascending";
      one.setAttribute("aria-sort", state);
    });
    pane.querySelector("table").setAttribute("aria-rowcount", String(found.length + 1));
    pane.scrollTop = 0;
    draw();
  };
  const show = () => { // controls as the filter says
    search.value = filter.text;
    for (const [name, box] of Object.entries(bounds)) box.value = filter[name];
    for (const [key, select] of Object.entries(selects)) select.value = filter.sets[key] ?? "";
  };
  clear.textContent = words.clear;
  clear.addEventListener("click", () => {
    Object.assign(filter, blank, { sets: {} });
    show();
    apply();
    search.focus();
  });
  document.addEventListener("weitiao:filter", (event) => { // a cell of the confusion matrix
    Object.assign(filter, blank, { sets: { ...event.detail } });
    show();
    apply();
    place.closest("section").scrollIntoView();
    pane.focus({ preventScroll: true });
  });

  // --- csv, as `weitiao predict` writes it: a cell that a spreadsheet would run is quoted
  const csv = document.getElementById("csv");
  const guarded = (text) => (/^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?%?$/i.test(text) ? `'${text}` : text);
  const written = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const plain = (column, row) => {
    if (column.kind !== "number") return guarded(cell(column, row));
    const number = column.values[row];
    return number === null ? "" : column.decimals ? (number * column.scale).toFixed(column.decimals) : String(number);
  };
  csv.textContent = words.csv;
  csv.addEventListener("click", () => {
    const lines = [columns.map((column) => written(guarded(column.title))).join(",")];
    for (const row of found) lines.push(columns.map((column) => written(plain(column, row))).join(","));
    const link = element("a", undefined, { download: `${document.title.split(" · ")[0]}-rows.csv` });
    link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });

  place.hidden = false;
  document.getElementById("first-rows").hidden = true;
  apply();
  place.dataset.ready = String(Math.round(performance.now()));
})();
