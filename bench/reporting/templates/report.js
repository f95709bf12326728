"use strict";

// Interactive charts replace their figures, in the colours of the page.
const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = new Map();
const NARROW = 560;

// Colours that are too dark on a dark page, and what replaces them.
const ON_DARK = JSON.parse(document.getElementById("dark-colours").textContent);

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function vegaConfig(width) {
  const style = getComputedStyle(document.documentElement);
  const [soft, line] = ["--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
  const text = { labelColor: soft, titleColor: soft, labelFontSize: 12, titleFontSize: 12 };
  const narrow = width < NARROW;
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null, continuousWidth: 300 },
    axis: {
      ...text, gridColor: line, domainColor: line, tickColor: line,
      titleFontWeight: "normal", labelLimit: narrow ? 110 : 360,
    },
    axisXQuantitative: { tickCount: narrow ? 4 : 8 },
    legend: { ...text, symbolOpacity: 1, orient: "top", layout: { top: { direction: narrow ? "vertical" : "horizontal" } }, columns: narrow ? 2 : 4, symbolLimit: 40, labelLimit: narrow ? 140 : 260 },
  };
}

// On narrow screens, break the names of rows into lines.
function stackNames(spec) {
  const { y } = spec.encoding;
  if (y?.type !== "nominal") return;
  const names = [...new Set(spec.data.values.map((row) => row.cell))];
  const lines = Math.max(...names.map((name) => name.split(" · ").length));
  y.axis = { labelExpr: "split(datum.label, ' · ')", labelLineHeight: 13, labelOffset: -6.5 * (lines - 1) };
  spec.height = names.length * Math.max(26, 13 * lines + 10);
}

async function draw(holder, spec, label) {
  let text = JSON.stringify({ ...spec, title: undefined });
  if (isDark()) for (const [from, to] of Object.entries(ON_DARK)) text = text.replaceAll(`"${from}"`, `"${to}"`);
  const bare = JSON.parse(text);
  if (holder.clientWidth < NARROW) stackNames(bare);
  Object.assign(bare, { width: "container", autosize: { type: "fit-x", contains: "padding" } });
  const result = await vegaEmbed(holder, bare, {
    renderer: "svg", actions: false, config: vegaConfig(holder.clientWidth), tooltip: { theme: isDark() ? "dark" : "light" },
  });
  drawn.get(holder)?.finalize();
  drawn.set(holder, result);
  const svg = holder.querySelector("svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.querySelectorAll("[role]").forEach((part) => part.removeAttribute("role"));
  svg.querySelectorAll("[aria-label], [aria-roledescription]").forEach((part) => {
    part.removeAttribute("aria-label");
    part.removeAttribute("aria-roledescription");
  });
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      seen.unobserve(target);
      target.draw();
    }
  }
}, { rootMargin: "300px" });

for (const picture of document.querySelectorAll("img[data-chart]")) {
  const paragraph = picture.closest("p");
  const still = document.createElement("details");
  still.innerHTML = "<summary>As a static picture</summary>";
  paragraph.before(still);
  for (const spec of charts[picture.dataset.chart]) {
    const title = document.createElement("p");
    title.className = "title";
    title.textContent = spec.title;
    still.before(title);
    const holder = document.createElement("div");
    holder.className = "chart";
    holder.draw = () => draw(holder, spec, picture.alt);
    still.before(holder);
    seen.observe(holder);
  }
  still.append(paragraph);
}

function redraw() {
  for (const holder of drawn.keys()) holder.draw();
}

// Light or dark: the system's choice until the button is pressed.
const theme = document.getElementById("theme");
function labelTheme() {
  theme.textContent = isDark() ? "Light" : "Dark";
  theme.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
}
theme.hidden = false;
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  labelTheme();
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { labelTheme(); redraw(); });
labelTheme();

// Tables: headings sort, the search box filters.
const FILTERED_FROM = 5;

function key(cell) {
  const text = cell.textContent.trim();
  const found = text.replace(/,/g, "").replace(/−/g, "-").match(/^[<≥]?\s*([-+]?\d+(\.\d+)?)/);
  return found ? Number(found[1]) : text;
}

function compared(a, b) {
  const blanks = [a, b].map((value) => value === "–" || value === "");
  if (blanks[0] !== blanks[1]) return { blank: blanks[0] ? 1 : -1 };
  if (typeof a === "number" && typeof b === "number") return { order: a - b };
  return { order: String(a).localeCompare(String(b), undefined, { numeric: true }) };
}

function sort(table, column) {
  const heading = table.tHead.rows[0].cells[column];
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    const { blank, order } = compared(a, b);
    return blank ?? sign * order; // blanks stay last
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

// On narrow screens, one column joins the columns of names.
function joinNames(table) {
  const names = [...table.tHead.rows[0].cells].findIndex((cell) => cell.style.textAlign === "right");
  if (names < 2) return;
  const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  for (const row of table.rows) {
    const parts = [...row.cells].slice(0, names);
    const joined = row.insertCell(names);
    joined.className = "joined";
    joined.textContent = parts
      .map(({ textContent }, i) => (/^[\d–]/.test(textContent) ? `${headings[i]} ${textContent}` : textContent))
      .join(" · ");
    for (const part of parts) part.classList.add("part");
  }
  const heading = document.createElement("th");
  heading.className = "joined";
  heading.textContent = "cell";
  table.tHead.rows[0].cells[names].replaceWith(heading);
}

for (const table of document.querySelectorAll("main table")) {
  const holder = document.createElement("div");
  holder.className = "scroll";
  holder.tabIndex = 0;
  holder.setAttribute("role", "region");
  holder.setAttribute("aria-label", table.getAttribute("aria-label"));
  table.before(holder);
  holder.append(table);
  if (![...table.tHead.rows[0].cells].some((cell) => cell.textContent)) {
    table.tHead.remove(); // a list of names and values has no headings
    continue;
  }
  joinNames(table);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    const parts = [...heading.childNodes];
    const ends = parts.findIndex((part) => part.nodeName === "BR");
    button.append(...(ends < 0 ? parts : parts.slice(0, ends)));
    heading.append(button);
    if (ends >= 0) {
      const note = document.createElement("small"); // how many samples a column has
      note.append(...parts.slice(ends + 1));
      parts[ends].remove();
      heading.append(note);
    }
    heading.scope = "col";
    button.addEventListener("click", () => sort(table, column));
  });
  const rows = [...table.tBodies[0].rows];
  if (rows.length < FILTERED_FROM) continue;
  const label = document.createElement("label");
  label.className = "filter";
  label.innerHTML = '<span>Filter rows</span><input type="search" placeholder="lenet5 faster"><output></output>';
  const [, box, count] = label.children;
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
  holder.before(label);
}

for (const block of document.querySelectorAll("pre")) block.tabIndex = 0; // keys can scroll it
