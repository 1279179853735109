// Groups of breakers, a row each.

const groupRows = new Map();

function groupRow(name) {
  if (groupRows.has(name)) return groupRows.get(name);
  const row = emptyRow(name, name === "" ? "without a group" : `${name}/`, () => look({ group: name, groups: false }));
  row.size = cell(row, "", "size");
  row.chart = cell(row, "", "lately").appendChild(ratesChart());
  row.calls = cell(row, "Calls a second", "calls");
  row.rates = new Rates();
  groupRows.set(name, row);
  return row;
}

function showGroup({ group, in_all, standings, counts }, at) {
  const row = groupRow(group), stack = element("div", "stack"), note = element("small");
  row.className = row.dataset.standing = Object.keys(standings)[0];
  row.rates.add(at, counts);
  for (const [standing, some] of Object.entries(standings)) {
    const part = stack.appendChild(element("i", standing));
    part.style.flexGrow = some;
    const word = element("span", standing === "closed" ? "" : `is ${standing}`, `${count(some)} ${words(standing)}`);
    note.append(note.hasChildNodes() ? ", " : "", word);
  }
  row.size.replaceChildren(element("span", "figure", count(in_all)), stack, note);
  drawRates(row.chart, row.rates);
  drawFigures(row.calls, row.rates);
  return row;
}

function showGroups({ groups, at_unix_ms }) {
  const names = new Set(groups.map(({ group }) => group));
  for (const name of groupRows.keys()) if (!names.has(name)) groupRows.delete(name);
  place($("groups").tBodies[0], groups.map(group => showGroup(group, at_unix_ms)));
}
