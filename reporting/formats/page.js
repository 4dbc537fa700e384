"use strict";
// Draws the charts, sorts tables, copies commands, switches between light and dark.
(() => {
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  // plotly reads a few tags in texts: what comes from records is shown as it is.
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const data = JSON.parse(document.getElementById("charts").textContent);
  const arrows = { higher: "more is better", lower: "less is better", none: "" };

  const layout = (extra) => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
    margin: { l: 10, r: 30, t: 44, b: 44 }, hoverlabel: { font: { size: 13 }, align: "left" },
    ...extra,
  });
  const axis = (title, extra) => ({
    title: { text: title.map(plain).join("<br>"), standoff: 10, font: { size: 12 } }, gridcolor: colour("line"), zeroline: false,
    automargin: true, ...extra,
  });
  const short = (number) => Number(number.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 });

  const error = (items, value, low, high) => ({
    type: "data", symmetric: false, color: colour("ink"), thickness: 1.2, width: 4,
    visible: items.some((i) => i[low] !== null && i[high] > i[low]),
    array: items.map((i) => (i[high] === null ? 0 : Math.max(0, i[high] - i[value]))),
    arrayminus: items.map((i) => (i[low] === null ? 0 : Math.max(0, i[value] - i[low]))),
  });
  const fromZero = (bar) => ({ ...bar, low: bar.low === null ? null : Math.max(0, bar.low) });

  const bars = (panel) => {
    const names = panel.bars.map((b) => plain(b.scheme));
    const text = panel.bars.map((b) => `${plain(b.scheme)}: ${plain(b.full)}${b.kind === "failed" ? "<br>quality failed" : ""}`);
    const colours = panel.bars.map((b) => colour(b.kind));
    const trace = {
      y: names, x: panel.bars.map((b) => b.value), orientation: "h", hovertext: text, hoverinfo: "text",
      error_x: error(panel.from_zero ? panel.bars.map(fromZero) : panel.bars, "value", "low", "high"), cliponaxis: false,
    };
    if (panel.from_zero) {
      trace.type = "bar";
      trace.marker = { color: colours, pattern: { shape: panel.bars.map((b) => (b.kind === "failed" ? "/" : "")), fgcolor: colour("paper"), solidity: 0.25 } };
    } else {
      trace.type = "scatter";
      trace.mode = "markers";
      trace.error_x.color = colour("soft");
      trace.marker = { color: colours, size: 11, symbol: panel.bars.map((b) => (b.kind === "failed" ? "x" : "circle")) };
    }
    return [[trace], layout({
      title: { text: plain(panel.title), font: { size: 14 }, x: 0.5 },
      height: 110 + 34 * names.length,
      xaxis: axis([[panel.unit, arrows[panel.better]].filter(Boolean).join(", ")], panel.from_zero ? { rangemode: "tozero" } : {}),
      yaxis: axis([], { autorange: "reversed", gridcolor: "rgba(0,0,0,0)", ticksuffix: "  " }),
    })];
  };

  const scatter = (chart) => {
    const points = chart.points;
    const front = points.filter((p) => p.front).sort((a, b) => a.x - b.x);
    const traces = [{
      x: front.map((p) => p.x), y: front.map((p) => p.y), mode: "lines+markers", hoverinfo: "skip",
      name: "Pareto front", line: { color: colour("front"), width: 1.5, dash: "dot" },
      marker: { size: 22, color: "rgba(0,0,0,0)", line: { color: colour("front"), width: 2 } },
    }];
    const narrow = matchMedia("(max-width: 600px)").matches;
    const [character, line, near] = [narrow ? 6.2 : 7.2, 16, 2];
    // names stand where labels.py found room; those farther off are joined to their point by a line
    const columns = (document.getElementById("chart-tradeoff-0").clientWidth - 90) / character;
    const closest = chart.widths.map((width) => Math.abs(width - columns));
    const width = closest.indexOf(Math.min(...closest));
    const range = (axis) => {
      const ends = points.flatMap((p) => [p[axis], p[`${axis}_low`], p[`${axis}_high`]]).filter((end) => end !== null);
      const [low, high] = [Math.min(...ends), Math.max(...ends)];
      const free = (high - low || 1) * chart.padding / (1 - 2 * chart.padding);
      return [low - free, high + free];
    };
    const names = points.map((p) => {
      const [across, up] = p.places[width];
      return {
        x: p.x, y: p.y, text: plain(p.scheme), ax: across * character, ay: -up * line, showarrow: true, arrowhead: 0, arrowwidth: 1,
        standoff: 9, arrowcolor: Math.abs(up) > near ? colour("soft") : "rgba(0,0,0,0)", font: { color: colour("ink"), size: narrow ? 11 : 13 },
        borderpad: 0,
      };
    });
    const labels = { base: "BASE", compressed: "compressed", failed: "quality failed" };
    for (const kind of Object.keys(labels)) {
      const some = points.filter((p) => p.kind === kind);
      if (!some.length) continue;
      traces.push({
        x: some.map((p) => p.x), y: some.map((p) => p.y), mode: "markers", name: labels[kind], cliponaxis: false,
        marker: { size: 12, color: colour(kind), symbol: kind === "failed" ? "x" : "circle" },
        error_x: { ...error(some, "x", "x_low", "x_high"), color: colour(kind) },
        error_y: { ...error(some, "y", "y_low", "y_high"), color: colour(kind) },
        hovertext: some.map((p) => `${plain(p.scheme)}<br>${plain(p.text).replace(", ", "<br>")}`),
        hoverinfo: "text",
      });
    }
    return [traces, layout({
      annotations: names, showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, height: 430,
      margin: { l: 10, r: 30, t: 36, b: 44 },
      xaxis: axis([chart.x_title, "more is better"], { range: range("x") }), yaxis: axis([chart.y_title, "less is better"], { range: range("y") }),
      shapes: [{ type: "line", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1, line: { color: colour("soft"), width: 1, dash: "dot" } }],
    })];
  };

  const steps = (values) => {
    const found = [];
    for (let power = Math.floor(Math.log10(Math.min(...values))); power <= Math.log10(Math.max(...values)); power += 1) {
      found.push(...[1, 2, 5].map((digit) => digit * 10 ** power));
    }
    return found;
  };

  const boxes = (chart) => {
    const names = Object.keys(chart.values);
    const every = names.flatMap((name) => chart.values[name]);
    const wide = Math.max(...every) > 5 * Math.min(...every) && Math.min(...every) > 0;
    const traces = names.map((name) => ({
      type: "box", x: chart.values[name], y: chart.values[name].map(() => plain(name)), name: plain(name), orientation: "h",
      boxpoints: "all", jitter: 0.5, pointpos: 0, marker: { color: colour(chart.kinds[name]), size: 5, opacity: 0.5 },
      line: { color: colour(chart.kinds[name]), width: 1.5 }, fillcolor: "rgba(0,0,0,0)", hoverinfo: "x+name",
    }));
    return [traces, layout({
      title: { text: plain(chart.title), font: { size: 14 }, x: 0.5 },
      height: 120 + 48 * names.length, margin: { l: 10, r: 30, t: 36, b: 44 },
      xaxis: axis([`${chart.unit}, less is better`], wide ? { type: "log", tickvals: steps(every) } : { rangemode: "tozero" }),
      yaxis: axis([], { autorange: "reversed", ticksuffix: "  " }),
    })];
  };

  const palette = ["#1d6fb8", "#c2571a", "#04784f", "#8a5fc7", "#b3261e", "#7a7a1f", "#2a8f9d", "#b0457b"];
  const dtypes = (chart) => [
    Object.entries(chart.series).map(([name, x], n) => ({
      type: "bar", orientation: "h", name: plain(name), y: chart.names.map(plain), x, marker: { color: palette[n % palette.length] },
      hovertext: x.map((v, i) => `${plain(chart.names[i])}, ${plain(name)}: ${short(v)} MiB`), hoverinfo: "text",
    })),
    layout({
      title: { text: plain(chart.title), font: { size: 14 }, x: 0.5 }, barmode: "stack", showlegend: true,
      legend: { orientation: "h", y: -0.35, yanchor: "top", traceorder: "normal" }, height: 190 + 34 * chart.names.length,
      xaxis: axis(["MiB on disk"], { rangemode: "tozero" }), yaxis: axis([], { autorange: "reversed", ticksuffix: "  " }),
    }),
  ];
  // lines of one name look alike in all charts of a group, which have one legend above them
  const symbols = ["●", "■", "◆", "✚", "✖", "▲", "▼", "◀"];
  const namesOf = (charts) => [...new Set(charts.flatMap((chart) => Object.keys(chart.lines)))];
  const look = (names, name) => names.indexOf(name) % palette.length;
  const legend = (id, names) => {
    const panels = document.getElementById(id).parentNode;
    if (panels.previousElementSibling?.className === "legend") return;
    const list = document.createElement("ul");
    list.className = "legend";
    names.forEach((name) => {
      const item = document.createElement("li");
      const mark = document.createElement("span");
      mark.textContent = symbols[look(names, name)];
      mark.style.color = palette[look(names, name)];
      item.append(mark, ` ${name}`);
      list.append(item);
    });
    panels.before(list);
  };

  const depths = (chart, names) => [
    Object.entries(chart.lines).map(([name, points]) => ({
      mode: "lines+markers", name: plain(name), x: points.map((p) => p[0]), y: points.map((p) => p[1]),
      line: { color: palette[look(names, name)], width: 1.5 }, marker: { size: 6, symbol: look(names, name) },
      hovertext: points.map((p) => `${plain(name)}, layer ${p[0]}: ${short(p[1])} dB`), hoverinfo: "text",
    })),
    layout({
      title: { text: plain(chart.title), font: { size: 14 }, x: 0.5 }, height: 300,
      xaxis: axis(["decoder layer"], { tickformat: "d" }), yaxis: axis(["SQNR dB, more is better"]),
    }),
  ];

  // runs stand at equal distances, whatever time passed between them; few of them are dated
  const most = 3;
  const dated = (runs) => {
    const step = Math.max(1, Math.ceil((runs.length - 1) / (most - 1)));
    const chosen = runs.map((_, n) => n).filter((n) => n % step === 0);
    return { tickvals: chosen, ticktext: chosen.map((n) => `${plain(runs[n].slice(0, 10))}<br>${plain(runs[n].slice(11, 16))}`) };
  };
  const history = (chart, names, runs) => [
    Object.entries(chart.lines).map(([name, points]) => ({
      mode: "lines+markers", name: plain(name), x: points.map((p) => runs.indexOf(p.at)), y: points.map((p) => p.value),
      line: { color: palette[look(names, name)], width: 1.5 }, marker: { size: 7, symbol: look(names, name) },
      error_y: { ...error(points, "value", "low", "high"), color: palette[look(names, name)] },
      hovertext: points.map((p) => `${plain(name)}, ${plain(p.run)}: ${plain(p.full)}`), hoverinfo: "text",
    })),
    layout({
      title: { text: plain(chart.title), font: { size: 14 }, x: 0.5 }, height: 300,
      xaxis: axis(["run ended (UTC)"], { ...dated(runs), range: [-0.4, runs.length - 0.6], tickangle: 0, ticks: "outside", ticklen: 8, tickcolor: "rgba(0,0,0,0)" }),
      yaxis: axis([[chart.unit, arrows[chart.better]].filter(Boolean).join(", ")]),
    }),
  ];

  const draw = () => {
    const put = (id, [traces, form]) =>
      Plotly.react(id, traces, form, { displayModeBar: false, responsive: true });
    if (data.tradeoff) put("chart-tradeoff-0", scatter(data.tradeoff));
    for (const [metric, panels] of Object.entries(data.panels || {})) {
      const slug = metric.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
      panels.forEach((panel, n) => put(`chart-${slug}-${n}`, bars(panel)));
    }
    if (data.dtypes) put("chart-dtypes-0", dtypes(data.dtypes));
    const [layers, drawn] = [data.sqnr || [], data.history || []];
    if (layers.length) legend("chart-sqnr-0", namesOf(layers));
    layers.forEach((chart, n) => put(`chart-sqnr-${n}`, depths(chart, namesOf(layers))));
    const runs = [...new Set(drawn.flatMap((chart) => Object.values(chart.lines).flat().map((p) => p.at)))].sort();
    if (drawn.length) legend("chart-history-0", namesOf(drawn));
    drawn.forEach((chart, n) => put(`chart-history-${n}`, history(chart, namesOf(drawn), runs)));
    if (data.latency) put("chart-latency-0", boxes(data.latency));
  };

  const key = (row, column) => {
    const cell = row.cells[column];
    const number = cell.dataset.value;
    return number === undefined ? cell.textContent : Number(number);
  };
  const absent = (value) => value === "-" || value === "";
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  document.querySelectorAll(".sort").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const body = head.closest("table").tBodies[0];
      const down = head.getAttribute("aria-sort") === "ascending";
      head.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [key(row, head.cellIndex), row]);
      const known = rows.filter(([value]) => !absent(value)).sort((a, b) => (down ? -1 : 1) * order(a[0], b[0]));
      body.append(...known.map(([, row]) => row), ...rows.filter(([value]) => absent(value)).map(([, row]) => row));
    });
  });

  if (navigator.clipboard) {
    document.querySelectorAll(".copy").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.parentNode.querySelector("code").textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
    });
  }

  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    toggle.textContent = dark ? "Switch to light" : "Switch to dark";
    draw();
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => show(root.dataset.theme !== "dark"));
  system.addEventListener("change", (event) => show(event.matches));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => { one.open = one.closest(".card") !== null || one.open; });
    root.dataset.theme = "light";
    draw();
  });
  show(system.matches);
})();
