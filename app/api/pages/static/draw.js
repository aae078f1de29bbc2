// What is drawn with: elements that hold text and never markup, numbers, times, and a line of what was.

const SVG = "http://www.w3.org/2000/svg";
const whole = new Intl.NumberFormat("en");
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** An element with these attributes and children; a string becomes text, whatever is in it; null is left out. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set a text only where it is another: who listens is told of what changed, and a selection is left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put children into a cell only where `key`, all that they are drawn from, is another than last time. */
export function put(cell, key, draw) {
  if (cell.drawnFrom === key) return;
  cell.drawnFrom = key;
  cell.replaceChildren(...[draw()].flat().filter((child) => child !== null && child !== undefined));
}

/** A position or a count, in groups of three: positions may be larger than a number holds exactly. */
export function grouped(value) {
  return whole.format(BigInt(value));
}

export function plural(count, one, many) {
  return `${grouped(count)} ${Number(count) === 1 ? one : many}`;
}

/** How long, in one unit or two: 0 s, 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function lasting(seconds) {
  if (seconds < 0.05) return "0 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const left = Math.round(seconds);
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  if (left < 86400) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
}

/** How long ago, by the shop's clock. */
export function ago(moment, now) {
  const seconds = Math.max(0, (now - Date.parse(moment)) / 1000);
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} seconds ago`;
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  }
}

export function time(moment, now) {
  return el("time", { datetime: moment, title: exact.format(new Date(moment)) }, ago(moment, now));
}

export function o_clock(moment) {
  return clock.format(moment);
}

const SHAPES = {
  good: "M3 8.5 6.5 12 13 4.5",
  warn: "M8 3v6M8 12.2v.3",
  bad: "M4 4l8 8M12 4l-8 8",
  still: "M5.5 3.5v9M10.5 3.5v9",
};

/** A state as a word in its colour, with a shape for who tells colours less well. */
export function pill(word, tone) {
  const shape = svg("path", {
    d: SHAPES[tone],
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 2.2,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  const drawing = svg("svg", { viewBox: "0 0 16 16", width: 12, height: 12, "aria-hidden": "true" }, shape);
  return el("span", { class: "state", "data-tone": tone }, drawing, word);
}

/**
 * The line of these values, the newest at its right end; `most` of them fill its width. Its height is the largest of
 * them, or ten: a lag of one is no mountain. `told`: what it shows, in words.
 */
export function sparkline(values, { most, tone, told, width = 132, height = 26 }) {
  const top = Math.max(10, ...values);
  const step = width / (most - 1);
  const left = width - (values.length - 1) * step;
  const points = values.map((value, place) => {
    const x = (left + place * step).toFixed(1);
    return `${x} ${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
  const size = { viewBox: `0 0 ${width} ${height}`, width, height };
  return svg(
    "svg",
    { ...size, class: "spark", "data-tone": tone, role: "img", "aria-label": told },
    svg("path", { class: "base", d: `M0 ${height - 0.5}H${width}` }),
    svg("path", { class: "under", d: `${line}L${width} ${height}L${left.toFixed(1)} ${height}Z` }),
    svg("path", { class: "over", d: line }),
  );
}
