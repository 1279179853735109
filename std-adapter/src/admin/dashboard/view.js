// What is shown: which breakers, which page of them, or groups. It is in the address too, so
// that it can be sent to somebody.

const ROWS = 50;
const STANDINGS = ["open", "half_open", "forced_open", "strained", "disabled", "metrics_only", "closed"];

const view = { matching: "", standing: null, group: null, groups: false, page: 0 };

function fromAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  view.matching = wanted.get("matching") ?? "";
  view.standing = STANDINGS.find(standing => standing === wanted.get("standing")) ?? null;
  view.group = wanted.get("group");
  view.groups = wanted.has("groups");
  view.page = Math.max(0, parseInt(wanted.get("page")) - 1 || 0);
}

function toAddress() {
  const { matching, standing, group, groups, page } = view, address = new URLSearchParams();
  if (matching) address.set("matching", matching);
  if (standing) address.set("standing", standing);
  if (group !== null) address.set("group", group);
  if (groups) address.set("groups", "");
  if (page > 0) address.set("page", page + 1);
  history.replaceState(null, "", `#${address}`);
}

// Shows something else, from its first page on.
function look(change) {
  Object.assign(view, { page: 0 }, change);
  toAddress();
  drawView();
  soon();
}

function drawView() {
  const { groups, group, standing, matching } = view;
  if ($("matching") !== document.activeElement) $("matching").value = matching;
  $("by-breaker").setAttribute("aria-pressed", !groups);
  $("by-group").setAttribute("aria-pressed", groups);
  $("breakers").hidden = groups;
  $("groups").hidden = !groups;
  $("group").hidden = group === null;
  say($("group"), group ? `in ${group}/ ✕` : "without a group ✕");
  $("group").setAttribute("aria-label", "Leave the group");
  $("standings").hidden = groups;
  for (const button of $("standings").children) {
    button.setAttribute("aria-pressed", (button.dataset.standing || null) === standing);
  }
}

function drawStandings(standings, inAll) {
  const wanted = [["", inAll], ...STANDINGS.map(standing => [standing, standings[standing] ?? 0])];
  const place = $("standings");
  if (place.children.length === 0) {
    place.append(...wanted.map(([standing]) => {
      const button = element("button", standing, standing ? words(standing) : "all");
      button.dataset.standing = standing;
      button.append(element("b", "is"));
      button.onclick = () => look({ standing: standing || null });
      return button;
    }));
    drawView();
  }
  wanted.forEach(([standing, some], i) => {
    const button = place.children[i];
    say(button.lastChild, count(some));
    // What there is none of is no choice, unless it was chosen.
    button.hidden = some === 0 && standing !== "" && view.standing !== standing;
  });
}

function drawPager(inAll, shown) {
  const first = view.page * ROWS, last = first + shown;
  $("pager").hidden = inAll <= ROWS && view.page === 0;
  $("nothing").hidden = shown > 0;
  say($("position"), shown > 0 ? `${count(first + 1)}–${count(last)} of ${count(inAll)}` : `none of ${count(inAll)}`);
  $("previous").disabled = view.page === 0;
  $("next").disabled = last >= inAll;
}

const turn = pages => {
  const button = pages < 0 ? $("previous") : $("next");
  if (button.disabled || $("pager").hidden) return;
  look({ page: view.page + pages });
  scrollTo(0, 0);
};

$("by-breaker").onclick = () => look({ groups: false });
$("by-group").onclick = () => look({ groups: true, group: null, standing: null });
$("group").onclick = () => look({ group: null });
$("matching").oninput = () => look({ matching: $("matching").value });
$("previous").onclick = () => turn(-1);
$("next").onclick = () => turn(1);
window.onhashchange = () => { fromAddress(); drawView(); soon(); };
