// Draws the plots from the page's own figures, switches light and dark, opens all for printing.
(async () => {
  "use strict";
  const root = document.documentElement;
  const { words, plots } = JSON.parse(document.getElementById("data").textContent);
  const remembered = "weitiao-theme";
  const PRINTED = { wide: 690, half: 325 }; // widths of plots on A4 in pixels
  const drawn = [];

  // --- light and dark
  const recall = () => { try { return localStorage.getItem(remembered); } catch { return null; } };
  const remember = (name) => { try { localStorage.setItem(remembered, name); } catch { /* private */ } };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const button = document.getElementById("theme");
  const named = () => {
    button.textContent = isDark() ? words.light : words.dark;
    button.setAttribute("aria-pressed", String(isDark()));
  };
  if (["light", "dark"].includes(recall())) root.dataset.theme = recall();
  named();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    named();
    redraw();
  });
  system.addEventListener("change", () => { named(); redraw(); });

  // --- what all plots share
  const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const family = getComputedStyle(document.body).fontFamily;
  const palette = () => ["one", "two", "three", "four"].map(color);
  const text = (more) => ({ color: color("soft"), fontFamily: family, fontSize: 12, ...more });
  const digits = (value) => {
    if (typeof value !== "number") return value;
    const size = Math.abs(value);
    if (size >= 1000) return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
    return size !== 0 && size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(4)));
  };
  const balloon = (head, lines) => { // a node, never HTML: labels are other people's words
    const box = document.createElement("div");
    box.className = "balloon";
    const title = document.createElement("strong");
    title.textContent = head;
    box.append(title);
    for (const line of lines) {
      const row = document.createElement("div");
      row.textContent = line;
      box.append(row);
    }
    return box;
  };
  const axis = (name, more) => ({
    name, nameLocation: "middle", nameGap: 30, nameTextStyle: text(),
    axisLabel: text({ hideOverlap: true }), axisLine: { lineStyle: { color: color("line") } },
    axisTick: { lineStyle: { color: color("line") } },
    splitLine: { lineStyle: { color: color("faint") } }, ...more,
  });
  const numbers = (name, more) => axis(name, {
    type: "value", axisLabel: text({ hideOverlap: true, formatter: digits }), ...more,
  });
  // pixels; a Chinese character is as wide as it is high
  const wide = (name) => [...name].reduce((sum, one) => sum + (one > "\u2e7f" ? 12 : 6.8), 0);
  const fitted = (room) => (name) => { // long labels often differ at their ends: the middle goes
    const parts = [...name];
    let head = Math.ceil(parts.length / 2), tail = Math.floor(parts.length / 2);
    const made = () => parts.slice(0, head).join("") + "…" + parts.slice(parts.length - tail).join("");
    if (wide(name) <= room) return name;
    while (head > 1 && wide(made()) > room) if (head > tail) head -= 1; else tail -= 1;
    return made();
  };
  const longest = (names) => {
    return Math.min(innerWidth < 640 ? 84 : 138, 8 + Math.max(...names.map(wide)));
  };
  const base = (more) => ({
    animation: false, color: palette(), textStyle: { fontFamily: family },
    grid: { left: 62, right: 28, top: 24, bottom: 48 },
    tooltip: {
      confine: true, backgroundColor: color("card"), borderColor: color("line"),
      textStyle: { color: color("text"), fontFamily: family },
    }, ...more,
  });
  const ruler = document.createElement("canvas").getContext("2d");
  const legend = (series, room) => {
    if (series.length < 2) return {};
    ruler.font = `12px ${family}`;
    let lines = 1, used = 0; // as many lines as ECharts breaks it into; the plot begins below them
    for (const { name } of series) {
      const width = ruler.measureText(name).width + 18 + 5 + 10; // icon and gaps
      if (used && used + width > room - 10) { lines += 1; used = 0; }
      used += width;
    }
    return {
      legend: { top: 0, left: "center", itemWidth: 18, itemHeight: 10, textStyle: text(),
        data: series.map((one) => one.name) },
      grid: { left: 62, right: 28, top: 18 + 18 * lines, bottom: 48 },
    };
  };
  const mark = (at) => !at ? {} : {
    markLine: {
      silent: true, symbol: "none", animation: false,
      lineStyle: { color: color("two"), type: "dashed", width: 1.5 },
      label: { formatter: at.text, align: at.x < 2 ? "left" : "center", color: color("two"), fontFamily: family, position: "end", distance: 4 },
      data: [{ xAxis: at.x }],
    },
  };

  // --- one function a kind
  const kinds = {
    lines: (plot, room) => ({
      ...base(legend(plot.series, room)),
      xAxis: numbers(plot.x, plot.share ? { min: 0, max: 1, splitLine: { show: false } }
        : { min: "dataMin", max: "dataMax", minInterval: 1, splitLine: { show: false } }),
      yAxis: numbers(plot.y, plot.square ? { min: 0, max: 1, nameGap: 46 }
        : { scale: true, nameGap: 46, ...(plot.share ? { max: (of) => (of.max > 0.9 ? 1 : null) } : {}) }),
      tooltip: {
        ...base().tooltip, trigger: "axis",
        formatter: (found) => balloon(`${plot.x} ${digits(found[0].value[0])}`,
          found.map((one) => `${one.seriesName}: ${digits(one.value[1])}`)),
      },
      series: plot.series.map((one, at) => ({
        type: "line", name: one.name, data: one.points, showSymbol: Boolean(one.dots),
        symbol: "circle", symbolSize: 7,
        lineStyle: one.dash ? { width: 1.2, type: "dashed" } : one.faint ? { width: 1, opacity: 0.45 } : { width: 2.2 },
        itemStyle: { color: one.dash ? color("soft") : palette()[one.faint || one.second ? 1 : 0] },
        ...(at === 0 ? mark(plot.mark) : {}),
      })),
    }),
    bars: (plot, room) => {
      const names = axis(plot.flat ? "" : plot.x, {
        type: "category", data: plot.categories, splitLine: { show: false },
        ...(plot.flat ? { inverse: true, axisLabel: text({ formatter: fitted(longest(plot.categories)), interval: 0 }) } : {}),
      });
      const values = numbers(plot.flat ? plot.x : plot.y, { nameGap: plot.flat ? 30 : 46 });
      const more = legend(plot.series, room);
      const grid = { ...(more.grid || base().grid), ...(plot.flat ? { left: longest(plot.categories) + 16 } : {}) };
      return {
        ...base(more), grid,
        xAxis: plot.flat ? values : names, yAxis: plot.flat ? names : values,
        tooltip: {
          ...base().tooltip, trigger: "axis", axisPointer: { type: "shadow" },
          formatter: (found) => balloon(found[0].name,
            found.map((one) => `${one.seriesName}: ${digits(one.value)}`)),
        },
        series: plot.series.map((one, at) => ({
          type: "bar", name: one.name, data: one.values, stack: plot.stacked ? "all" : undefined,
          barCategoryGap: plot.stacked || plot.series.length === 1 ? "12%" : "28%",
          itemStyle: at === 0 ? {} : { decal: {
            symbol: "rect", dashArrayX: [1, 0], dashArrayY: at === 1 ? [2, 5] : [1, 3],
            rotation: at === 1 ? -0.8 : 0.8, color: isDark() ? "rgba(0,0,0,.4)" : "rgba(255,255,255,.55)",
          } },
          ...(at === 0 ? mark(plot.mark) : {}),
        })),
      };
    },
    matrix: (plot) => {
      const total = new Map();
      for (const [, truth, rows] of plot.cells) total.set(truth, (total.get(truth) || 0) + rows);
      const cell = ([answer, truth, rows]) => ({
        value: [answer, truth, rows / total.get(truth), rows],
        label: { color: rows / total.get(truth) > 0.55 ? (isDark() ? "#0b1117" : "#fff") : color("text") },
      });
      const named = (name, more) => axis(name, {
        type: "category", data: plot.names, splitLine: { show: false },
        splitArea: { show: true, areaStyle: { color: [color("faint")] } }, ...more,
      });
      const scale = (index, from, to) => ({
        type: "continuous", show: false, seriesIndex: index, dimension: 2, min: 0, max: 1,
        inRange: { color: [color(from), color(to)] },
      });
      const part = (cells) => ({
        type: "heatmap", data: cells.map(cell),
        label: { show: true, formatter: (one) => digits(one.value[3]), fontFamily: family, fontSize: 11 },
        itemStyle: { borderColor: color("cell"), borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: color("text") } },
      });
      const long = longest(plot.names);
      const turned = plot.names.length > 4 || long > 60;
      const below = turned ? 14 + 0.71 * long : 18;
      return {
        ...base(), grid: { left: long + 44, right: 12, top: 8, bottom: below + 34 },
        xAxis: named(plot.x, { nameGap: below + 8, axisLabel: text({
          formatter: fitted(long), interval: 0, rotate: turned ? 45 : 0 }) }),
        yAxis: named(plot.y, { inverse: true, nameGap: long + 20, axisLabel: text({
          formatter: fitted(long), interval: 0 }) }),
        tooltip: {
          ...base().tooltip,
          formatter: (one) => balloon(`${plot.y}: ${plot.names[one.value[1]]}`, [
            `${plot.x}: ${plot.names[one.value[0]]}`, `${plot.rows}: ${digits(one.value[3])}`,
          ]),
        },
        visualMap: [scale(0, "one-light", "one"), scale(1, "two-light", "two")],
        series: [
          part(plot.cells.filter(([answer, truth]) => answer === truth)),
          part(plot.cells.filter(([answer, truth]) => answer !== truth)),
        ],
      };
    },
    points: (plot) => ({
      ...base(),
      xAxis: numbers(plot.x, { min: plot.ends[0], max: plot.ends[1] }),
      yAxis: numbers(plot.y, { min: plot.ends[0], max: plot.ends[1], nameGap: 46 }),
      tooltip: {
        ...base().tooltip,
        formatter: (one) => balloon(`${plot.x}: ${digits(one.value[0])}`,
          [`${plot.y}: ${digits(one.value[1])}`]),
      },
      series: [{
        type: "scatter", data: plot.points, symbolSize: 6, itemStyle: { opacity: 0.5 },
        markLine: {
          silent: true, symbol: "none", animation: false, label: { show: false },
          lineStyle: { color: color("two"), type: "dashed" },
          data: [[{ coord: [plot.ends[0], plot.ends[0]] }, { coord: [plot.ends[1], plot.ends[1]] }]],
        },
      }],
    }),
    dots: (plot, room) => ({ // points with names, perhaps a line through the best of them
      ...base(legend(plot.series, room)),
      xAxis: plot.categories ? axis(plot.x, { type: "category", data: plot.categories, splitLine: { show: false },
          axisLabel: text({ formatter: fitted(90), hideOverlap: true }) })
        : numbers(plot.x, { type: plot.log ? "log" : "value", scale: true, minInterval: plot.log ? 0 : plot.whole ? 1 : 0,
          splitLine: { show: false } }),
      yAxis: numbers(plot.y, { scale: true, nameGap: 46 }),
      tooltip: {
        ...base().tooltip,
        formatter: (one) => balloon(one.data[2] || one.seriesName, [
          `${plot.x}: ${plot.categories ? plot.categories[one.data[0]] : digits(one.data[0])}`,
          `${plot.y}: ${digits(one.data[1])}`,
        ]),
      },
      series: plot.series.map((one, at) => one.line ? {
        type: "line", name: one.name, data: one.points, step: "end", showSymbol: false, silent: true,
        lineStyle: { width: 2, color: color("two") }, itemStyle: { color: color("two") },
      } : {
        type: "scatter", name: one.name, data: one.points, symbolSize: one.large ? 13 : 8,
        symbol: one.large ? "diamond" : at ? "triangle" : "circle",
        itemStyle: { opacity: one.faint ? 0.45 : 0.85, color: one.large ? color("two") : one.faint ? color("soft") : color("one") },
      }),
    }),
    parallel: (plot) => ({ // parallel coordinates: a line a trial, each axis from 0 to 1
      ...base({ grid: { left: 30, right: 30, top: 20, bottom: 84 } }),
      xAxis: axis("", { type: "category", data: plot.axes, boundaryGap: false,
        splitLine: { show: true, lineStyle: { color: color("line") } },
        axisLabel: text({ interval: 0, rotate: 30, formatter: fitted(innerWidth < 640 ? 84 : 120) }) }),
      yAxis: { type: "value", min: 0, max: 1, show: false },
      tooltip: {
        ...base().tooltip, trigger: "item",
        formatter: (one) => balloon(one.seriesName, plot.axes.map((name, at) =>
          `${name}: ${plot.rows[one.seriesIndex].texts[at]}`)),
      },
      series: plot.rows.map((one) => ({
        type: "line", name: one.name, data: one.places, symbolSize: 6, symbol: "circle",
        triggerLineEvent: true, connectNulls: true, z: one.best ? 5 : 2,
        lineStyle: { width: one.best ? 3 : 1.2, opacity: one.best ? 1 : 0.15 + 0.6 * one.rank },
        itemStyle: { color: one.best ? color("two") : color("one"), opacity: one.best ? 1 : 0.15 + 0.6 * one.rank },
      })),
    }),
    density: (plot) => ({
      ...base(),
      xAxis: axis(plot.x, { type: "category", data: plot.names, splitLine: { show: false } }),
      yAxis: axis(plot.y, { type: "category", data: plot.names, splitLine: { show: false }, nameGap: 46 }),
      tooltip: {
        ...base().tooltip,
        formatter: (one) => balloon(`${plot.x}: ${plot.names[one.value[0]]}`, [
          `${plot.y}: ${plot.names[one.value[1]]}`, `${plot.rows}: ${digits(one.value[2])}`,
        ]),
      },
      visualMap: {
        type: "continuous", show: false, dimension: 2, min: 0,
        max: Math.max(...plot.cells.map((cell) => cell[2])),
        inRange: { color: [color("one-light"), color("one")] },
      },
      series: [{
        type: "heatmap", data: plot.cells, itemStyle: { borderWidth: 0 },
        markLine: {
          silent: true, symbol: "none", animation: false, label: { show: false },
          lineStyle: { color: color("two"), type: "dashed" },
          data: [[{ coord: [0, 0] }, { coord: [plot.names.length - 1, plot.names.length - 1] }]],
        },
      }],
    }),
  };

  // --- drawing
  const size = (plot, place) => {
    const flat = plot.kind === "parallel" ? 380 : plot.flat ? 90 + plot.categories.length * (plot.stacked ? 24 : 34) : 280;
    const labels = plot.kind === "matrix" ? longest(plot.names) : 0;
    const matrix = plot.kind === "matrix" ? 60 + 0.71 * labels + plot.names.length * 32 : 0;
    place.style.height = `${Math.max(flat, matrix)}px`;
    place.style.minWidth = matrix ? `${70 + labels + plot.names.length * 34}px` : "";
  };
  const redraw = (printed) => {
    for (const { chart, plot, place } of drawn) {
      const wide = place.closest(".wide") ? "wide" : "half";
      const room = printed ? printed[wide] : place.clientWidth;
      chart.resize({ width: room, height: place.clientHeight });
      chart.setOption(kinds[plot.kind](plot, room), true);
      chart.getZr().flush();
    }
  };
  const unpack = async () => {
    const packed = atob(document.getElementById("charts").textContent);
    const bytes = new Uint8Array(packed.length); // a loop: from() with a function takes 0.3 s
    for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.echarts;
  };

  // --- printing: light, plots as wide as the paper, everything open but the figures behind them
  let before = null;
  const paper = () => {
    const all = root.dataset.print !== "summary"; // the summary stays short: nothing is opened
    before = { theme: root.dataset.theme, closed: [...document.querySelectorAll("details:not([open])")].filter((one) => all && !one.closest(".plot")) };
    root.dataset.theme = "light";
    before.closed.forEach((one) => { one.open = true; });
    redraw(PRINTED);
  };
  const screen = () => {
    if (!before) return;
    if (before.theme) root.dataset.theme = before.theme; else delete root.dataset.theme;
    before.closed.forEach((one) => { one.open = false; });
    before = null;
    if (root.dataset.print) root.dataset.print = "summary";
    redraw();
  };
  addEventListener("beforeprint", paper);
  addEventListener("afterprint", screen);
  const print = document.getElementById("print");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
  const everything = document.getElementById("print-all");
  if (everything) {
    everything.hidden = false;
    everything.addEventListener("click", () => { root.dataset.print = "all"; window.print(); });
  }

  // --- a hint above what is wider than the screen
  const hints = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      const hint = target.previousElementSibling;
      hint.hidden = target.scrollWidth <= target.clientWidth + 1;
    }
  });
  for (const pane of document.querySelectorAll(".scroll, .window")) {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = words.hint;
    hint.hidden = true;
    pane.before(hint);
    hints.observe(pane);
  }

  if (!document.querySelector("[data-plot]")) { root.dataset.ready = "0"; return; } // nothing to draw
  if (typeof DecompressionStream === "undefined") return; // an old browser: the tables remain
  const echarts = await unpack();
  root.classList.add("drawn");
  for (const place of document.querySelectorAll("[data-plot]")) {
    const plot = plots[place.dataset.plot];
    size(plot, place);
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption(kinds[plot.kind](plot, place.clientWidth));
    if (plot.codes && document.getElementById("all-rows")) { // a cell shows its rows in the table
      chart.on("click", ({ value }) => document.dispatchEvent(new CustomEvent("weitiao:filter", {
        detail: { target: String(plot.codes[value[1]]), answer: String(plot.codes[value[0]]) } })));
    }
    drawn.push({ chart, plot, place });
  }
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (!before) redraw(); }, 120);
  });
  root.dataset.ready = String(Math.round(performance.now()));
})();
