// How far a breaker is from what would trip it.

// What the policies look at: [{value, note, share, limit}]. `share` is the length of the bar
// and `limit` the place of the mark on it, 0 to 1. There is no bar without a share, and no
// value while there are too few calls.
function failed({ phase, tally, limits, failure_rate, consecutive_failures: inARow }) {
  if (phase === "half_open") return [probes(tally.failed, tally.calls, limits)];
  const found = [];
  if (limits.failure_rate !== null) {
    found.push(rate(failure_rate, limits.failure_rate, tally.failed, tally.calls, limits.min_calls));
  }
  const counted = (value, limit, what) => {
    if (limit !== null) found.push({ value: `${value}`, note: `${what}, opens at ${limit}`, share: Math.min(1, value / limit), limit: 1 });
  };
  counted(inARow, limits.consecutive_failures, "in a row");
  counted(tally.failed, limits.failures_in_window, `of ${count(tally.calls)}`);
  counted(tally.level, limits.level, "in the bucket");
  return found.sort((a, b) => nearness(b) - nearness(a));
}

function slow({ phase, tally, limits, slow_rate }) {
  if (limits.slow_rate === null) return [];
  if (phase === "half_open") return [probes(tally.slow, tally.calls, limits)];
  return [rate(slow_rate, limits.slow_rate, tally.slow, tally.calls, limits.min_calls)];
}

function rate(percent, limit, some, calls, minCalls) {
  const note = `${count(some)} of ${count(calls)}, opens at ${limit}\u00a0%`;
  if (percent !== null) return { value: `${percent}\u00a0%`, note, share: percent / 100, limit: limit / 100 };
  const few = `${count(some)} of ${count(calls)}, counts from ${count(minCalls)} calls`;
  return { note: calls === 0 ? `no calls, opens at ${limit}\u00a0%` : few, share: 0, limit: limit / 100 };
}

function probes(some, calls, limits) {
  return { value: `${some} of ${calls}`, note: `of ${limits.probes === 1 ? "1 probe" : `${limits.probes} probes`}` };
}

const nearness = ({ share, limit }) => share / limit;

function drawGauges(place, gauges) {
  const drawn = gauges.flatMap(gauge => {
    const value = element("span", gauge.value ? "figure" : "figure unknown", gauge.value ?? "–");
    const parts = [value, element("small", "", gauge.note)];
    if (gauge.share === undefined) return parts;
    const near = nearness(gauge), bar = element("div", near >= 1 ? "gauge met" : near >= .5 ? "gauge near" : "gauge");
    const filled = bar.appendChild(element("i")), mark = bar.appendChild(element("b"));
    filled.style.width = `${100 * gauge.share}%`;
    mark.style.left = `${100 * gauge.limit}%`;
    parts.splice(1, 0, bar);
    return parts;
  });
  place.replaceChildren(...drawn.length > 0 ? drawn : [element("small", "", "not watched")]);
}
