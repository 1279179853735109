// One breaker in full.

// The row that was opened. It keeps the rates, wherever the row moves.
let detailed;
// The places that are drawn again with each answer.
const places = {};

function showDetails(name) {
  detailed = rows.get(name);
  say($("details-name"), name);
  $("details-settings").replaceChildren();
  $("commands").replaceChildren();
  addButtons($("commands"), command =>
    control(`breakers/${encodeURIComponent(name)}/${command}`, name, command));
  $("details-body").replaceChildren(...detailParts());
  drawDetails(detailed.breaker);
  $("details").showModal();
  soon();
}

function detailParts() {
  const figures = element("div", "parts");
  for (const [place, title] of [["calls", "Calls a second"], ["failed", "Failed"], ["slow", "Slow"], ["took", "Took"]]) {
    const part = figures.appendChild(element("section"));
    part.append(element("h3", "", title), places[place] = element("div"));
  }
  Object.assign(places, { state: element("div"), most: element("h3"), chart: ratesChart(), timeline: element("div", "timeline") });
  return [places.state, places.most, places.chart, places.timeline, figures];
}

// The breaker may have left the list, where it moves with its standing.
async function askDetails(at) {
  const row = detailed;
  if (!row) return;
  const answer = await fetch(`breakers/${encodeURIComponent(row.dataset.name)}`);
  if (row !== detailed) return;
  if (!answer.ok) return $("details").close();
  const breaker = await answer.json();
  row.rates.add(at, breaker.counts);
  drawDetails(breaker);
  list($("details-settings"), breaker.settings);
}

function drawDetails(breaker) {
  const { rates } = detailed;
  drawState(places.state, breaker);
  const most = drawRates(places.chart, rates);
  say(places.most, `Calls a second in the last five minutes, up to ${perSecond(most)}`);
  drawTimeline(places.timeline, breaker);
  drawFigures(places.calls, rates);
  drawGauges(places.failed, failed(breaker));
  drawGauges(places.slow, slow(breaker));
  drawLatency(places.took, breaker);
  drawFleet($("details-fleet"), breaker.fleet);
  const { rejections, ...counts } = breaker.counts;
  list($("details-counts"), { ...counts, refused: rejections });
}

function list(place, values) {
  const parts = [];
  for (const [name, value] of Object.entries(values)) {
    if (value === null || Array.isArray(value) && value.length === 0) continue;
    const text = typeof value === "number" ? count(value) : typeof value === "object" ? JSON.stringify(value) : `${value}`;
    parts.push(element("dt", "", words(name)), element("dd", "", text));
  }
  place.replaceChildren(...parts);
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector("[data-close]").onclick = () => dialog.close();
  dialog.onclick = event => event.target === dialog && dialog.close();
}
$("details").onclose = () => {
  detailed?.querySelector("button").focus();
  detailed = undefined;
};
