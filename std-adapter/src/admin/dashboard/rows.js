// The breakers, a row each.

// By name, those that are shown.
const rows = new Map();

function cell(row, label, className = "") {
  const made = row.appendChild(element("td", className));
  made.setAttribute("role", "cell");
  if (label) made.dataset.label = label;
  return made;
}

function emptyRow(name, title, open) {
  const row = element("tr"), head = row.appendChild(element("th", "name"));
  row.setAttribute("role", "row");
  row.dataset.name = name;
  head.scope = "row";
  head.setAttribute("role", "rowheader");
  const button = head.appendChild(element("button", "", title));
  button.title = title;
  button.onclick = open;
  return row;
}

function breakerRow(name) {
  if (rows.has(name)) return rows.get(name);
  const row = emptyRow(name, name, () => showDetails(name));
  row.tags = row.querySelector("th").appendChild(element("small"));
  row.state = cell(row, "", "state");
  const lately = cell(row, "", "lately");
  row.chart = lately.appendChild(ratesChart());
  row.timeline = lately.appendChild(element("div", "timeline"));
  row.calls = cell(row, "Calls a second", "calls");
  row.failed = cell(row, "Failed", "failed");
  row.slow = cell(row, "Slow", "slow");
  row.took = cell(row, "Took", "took");
  row.rates = new Rates();
  rows.set(name, row);
  return row;
}

function showBreaker(breaker, at) {
  const row = breakerRow(breaker.name);
  row.breaker = breaker;
  row.className = row.dataset.standing = breaker.standing;
  row.dataset.phase = breaker.phase;
  say(row.tags, breaker.critical ? "critical" : "");
  row.rates.add(at, breaker.counts);
  drawState(row.state, breaker);
  drawRates(row.chart, row.rates);
  drawTimeline(row.timeline, breaker);
  drawFigures(row.calls, row.rates);
  drawGauges(row.failed, failed(breaker).slice(0, 1));
  drawGauges(row.slow, slow(breaker));
  drawLatency(row.took, breaker);
  return row;
}

function drawState(place, { phase, standing, in_phase_for_ms: since, retry_after_ms: wait, backoff_level: level, fleet }) {
  const parts = [element("span", `phase ${standing}`, words(phase)), element("small", "", since < 1_000 ? "just now" : `for ${time(since)}`)];
  if (standing === "strained") parts.push(element("small", "is strained", "near its limit"));
  if (wait !== null) {
    const bar = element("div", "wait"), left = bar.appendChild(element("i", standing));
    left.style.width = `${100 * wait / (since + wait)}%`;
    parts.push(element("small", "next", `next probe in ${time(wait)}`), bar);
    if (level > 0) parts.push(element("small", "", `${level} failed ${level === 1 ? "recovery" : "recoveries"}`));
  }
  if (fleet) parts.push(...fleetNotes(fleet).map(note => element("small", "fleet", note)));
  place.replaceChildren(...parts);
}

function drawLatency(place, { latency }) {
  if (latency === null || latency.calls === 0) {
    place.title = latency ? "in the last minute" : "Builder::measure_latency measures it";
    return place.replaceChildren(element("small", "", latency ? "no calls" : "not measured"));
  }
  const line = (name, ms) => {
    const line = element("div");
    line.append(element("strong", "", time(ms)), element("span", "quiet", ` ${name}`));
    return line;
  };
  place.replaceChildren(line("p50", latency.p50_ms), line("p99", latency.p99_ms));
  place.title = `${count(latency.calls)} calls in the last minute`;
}

// Puts the rows into the table, in this order. A row that is moved while somebody clicks on
// it loses the click, and its focus too.
function place(table, wanted) {
  const inPlace = wanted.length === table.children.length
    && wanted.every((row, i) => row === table.children[i]);
  if (inPlace) return;
  const focused = document.activeElement;
  table.replaceChildren(...wanted);
  if (table.contains(focused)) focused.focus({ preventScroll: true });
}

function showBreakers(list) {
  const names = new Set(list.breakers.map(breaker => breaker.name));
  for (const name of rows.keys()) if (!names.has(name)) rows.delete(name);
  place($("breakers").tBodies[0], list.breakers.map(breaker => showBreaker(breaker, list.at_unix_ms)));
}
