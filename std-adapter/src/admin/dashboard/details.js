// One breaker in full.

let detailed;

async function showDetails(name) {
  detailed = name;
  say($("details-name"), name);
  $("details-settings").replaceChildren();
  $("commands").replaceChildren();
  addButtons($("commands"), command =>
    control(`breakers/${encodeURIComponent(name)}/${command}`, name, command));
  $("details-body").replaceChildren(...detailParts());
  drawDetails();
  $("details").showModal();
  const answer = await fetch(`breakers/${encodeURIComponent(name)}`);
  if (answer.ok && detailed === name) list($("details-settings"), (await answer.json()).settings);
}

// The places that are drawn again with each answer.
const places = {};

function detailParts() {
  const figures = element("div", "parts");
  for (const [place, title] of [["calls", "Calls a second"], ["failed", "Failed"], ["slow", "Slow"], ["took", "Took"]]) {
    const part = figures.appendChild(element("section"));
    part.append(element("h3", "", title), places[place] = element("div"));
  }
  Object.assign(places, { state: element("div"), most: element("h3"), chart: ratesChart(), timeline: element("div", "timeline") });
  return [places.state, places.most, places.chart, places.timeline, figures];
}

function drawDetails() {
  const row = rows.get(detailed);
  if (!row) return;
  const { breaker, rates } = row;
  drawState(places.state, breaker);
  const most = drawRates(places.chart, rates);
  say(places.most, `Calls a second in the last five minutes, up to ${perSecond(most)}`);
  drawTimeline(places.timeline, breaker);
  drawFigures(places.calls, rates);
  drawGauges(places.failed, failed(breaker));
  drawGauges(places.slow, slow(breaker));
  drawLatency(places.took, breaker);
  list($("details-counts"), { ...breaker.counts, refused: breaker.counts.rejections, rejections: null });
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
  const row = rows.get(detailed);
  detailed = undefined;
  row?.querySelector("button").focus();
};
