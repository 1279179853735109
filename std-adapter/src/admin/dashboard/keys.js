// The keyboard.

const KEYS = [
  ["/", "search by name", () => $("matching").focus()],
  ["j", "next row", () => step(1)],
  ["k", "previous row", () => step(-1)],
  ["Enter", "open the row", null],
  ["n", "next page", () => turn(1)],
  ["p", "previous page", () => turn(-1)],
  ["g", "groups or breakers", () => look({ groups: !view.groups, group: null, standing: null })],
  ["a", "all breakers", () => look({ matching: "", standing: null, group: null, groups: false })],
  ["?", "this list", () => $("help").showModal()],
  ["Esc", "close, or leave the search", null],
];
const ARROWS = { ArrowDown: "j", ArrowUp: "k" };

function step(by) {
  const table = view.groups ? $("groups") : $("breakers");
  const buttons = [...table.querySelectorAll(".name button")];
  const from = buttons.indexOf(document.activeElement);
  const to = from < 0 ? (by > 0 ? 0 : buttons.length - 1) : from + by;
  buttons[Math.min(Math.max(to, 0), buttons.length - 1)]?.focus();
}

document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target === $("matching")) {
    if (event.key === "Escape") $("matching").blur();
    if (event.key === "ArrowDown" || event.key === "Enter") step(1);
    return;
  }
  // An arrow scrolls, unless a row has the focus.
  if (ARROWS[event.key] && !event.target.closest(".name")) return;
  const [, , act] = KEYS.find(([key]) => key === (ARROWS[event.key] ?? event.key)) ?? [];
  if (!act) return;
  event.preventDefault();
  act();
};

for (const [key, what] of KEYS) {
  const term = element("dt");
  term.append(element("kbd", "", key));
  $("keys").append(term, element("dd", "", what));
}
$("shortcuts").onclick = () => $("help").showModal();
