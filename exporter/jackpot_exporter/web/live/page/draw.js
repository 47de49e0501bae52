// Elements, made once and changed only where they differ. Every value goes in as text: none is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

// A shape for each state, so that none is told by its colour alone.
const MARKS = {
  good: "M8 3.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
  warning: "M8 1.8 15 14.2H1z",
  critical: "M4.9 1h6.2L15 4.9v6.2L11.1 15H4.9L1 11.1V4.9z",
  unknown: "M2 7h12v2H2z",
};

export function setState(element, level, text) {
  let mark = element.firstElementChild;
  if (!mark) {
    mark = shape("svg", { viewBox: "0 0 16 16", class: "mark", "aria-hidden": "true" });
    mark.append(shape("path", {}));
    element.replaceChildren(mark, make("span"));
  }
  setAttribute(mark.firstChild, "d", MARKS[level]);
  setAttribute(element, "data-level", level);
  setText(element.lastElementChild, text);
}

// Children for the items, in their order; an item keeps its element, and with it focus and selection.
export function list(parent, items, keyOf, create, update) {
  const there = (parent.children_ ??= new Map());
  const wanted = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    wanted.add(key);
    let element = there.get(key);
    if (!element) there.set(key, (element = create(item)));
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  for (const [key, element] of there) {
    if (!wanted.has(key)) {
      element.remove();
      there.delete(key);
    }
  }
}

const WIDTH = 120;
const HEIGHT = 24;

export function makeCurve(limitIsShown = false) {
  const curve = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "curve", "aria-hidden": "true" });
  if (limitIsShown) curve.append(shape("path", { class: "limit" }));
  curve.append(shape("path", { class: "line" }));
  return curve;
}

// Points are [seconds, value]; a null value leaves a gap.
export function setCurve(curve, points, limit = null) {
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  if (values.length < 2) {
    setAttribute(curve.lastChild, "d", "");
    return;
  }
  const from = points[0][0];
  const to = points[points.length - 1][0];
  let low = Math.min(...values, ...(limit === null ? [] : [0]));
  let high = Math.max(...values, ...(limit === null ? [] : [limit]));
  if (high === low) [low, high] = [low - 1, high + 1];
  const x = (at) => (((at - from) / (to - from || 1)) * (WIDTH - 2) + 1).toFixed(1);
  const y = (value) => (HEIGHT - 2 - ((value - low) / (high - low)) * (HEIGHT - 4)).toFixed(1);
  let isDown = false;
  const steps = points.map(([at, value]) => {
    if (value === null) {
      isDown = false;
      return "";
    }
    const step = `${isDown ? "L" : "M"}${x(at)} ${y(value)}`;
    isDown = true;
    return step;
  });
  setAttribute(curve.lastChild, "d", steps.join(""));
  if (limit !== null) setAttribute(curve.firstChild, "d", `M0 ${y(limit)}H${WIDTH}`);
}
