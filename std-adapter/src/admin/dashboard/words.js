// What others build on: elements, and numbers as words.

const $ = id => document.getElementById(id);

// Names come from outside, so text is only ever text.
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// A text that is the same is not set again: a reader would be told of it once more.
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

const words = name => name.replaceAll("_", " ");
const count = number => number.toLocaleString("en");

function time(ms) {
  const units = [[3_600_000, "h"], [60_000, "min"], [1_000, "s"]];
  const [unit, name] = units.find(([unit]) => ms >= unit) ?? [1, "ms"];
  const value = ms / unit;
  // 0.2 ms, 4.5 s, 17 s
  return `${name !== "h" && value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${name}`;
}

function perSecond(rate) {
  return rate >= 10_000 ? `${(rate / 1_000).toFixed(1)} k` : rate >= 100 ? `${Math.round(rate)}` : rate.toFixed(1);
}
