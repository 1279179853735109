// Charts of the last minutes: calls a second, and phases.

const WIDTH = 300, HEIGHT = 100;    // as the template has them

const ratesChart = () => $("chart").content.firstElementChild.cloneNode(true);

function drawRates(chart, rates) {
  const end = rates.samples.at(-1)?.at ?? 0, intervals = rates.intervals();
  const most = Math.max(1, ...intervals.map(({ rates }) => sum(rates)));
  const x = at => (WIDTH * Math.max(0, 1 - (end - at) / SPAN)).toFixed(1);
  const y = rate => (HEIGHT * (1 - rate / most)).toFixed(1);
  const paths = Object.fromEntries(OUTCOMES.map(of => [of, ""]));
  for (const { from, to, rates } of intervals) {
    let below = 0;
    for (const of of OUTCOMES) {
      if (rates[of] === 0) continue;
      const above = below + rates[of];
      paths[of] += `M${x(from)} ${y(below)}V${y(above)}H${x(to)}V${y(below)}Z`;
      below = above;
    }
  }
  for (const path of chart.children) path.setAttribute("d", paths[path.classList[0]]);
  const figures = rates.now();
  chart.setAttribute("aria-label", figures
    ? `calls a second: ${perSecond(figures.successes)} succeeded, ${perSecond(figures.failures)} failed, ${perSecond(figures.rejections)} refused; at most ${perSecond(most)} in the last five minutes`
    : "calls a second: not known yet");
  return most;
}

function drawTimeline(timeline, breaker) {
  const end = now(), percent = time => 100 + 100 * (time - end) / SPAN;
  timeline.replaceChildren(...phases(breaker).map(({ phase, from, shownFrom, to }) => {
    const left = Math.max(0, percent(shownFrom)), part = element("span", phase);
    part.style.left = `${left}%`;
    part.style.width = `${Math.max(.4, percent(to) - left)}%`;
    part.title = words(phase) + (from ? ` since ${new Date(from).toLocaleTimeString()}` : "");
    return part;
  }));
}

// The figures beside a chart.
function drawFigures(place, rates) {
  const figures = rates.now();
  if (!figures) return place.replaceChildren(element("span", "figure unknown", "–"));
  const parts = [element("span", "figure", perSecond(sum(figures)))];
  for (const [of, word] of [["failures", "failed"], ["rejections", "refused"], ["ignored", "ignored"]]) {
    if (figures[of] === 0) continue;
    const part = element("small", of);
    part.append(element("span", of === "ignored" ? "" : "is", perSecond(figures[of])), ` ${word}`);
    parts.push(part);
  }
  place.replaceChildren(...parts);
}
