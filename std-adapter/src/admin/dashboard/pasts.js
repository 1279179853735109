// The phases that breakers went through, from the server's events.

// The server's clock, which may be ahead of the one here.
let ahead = 0;
const now = () => Date.now() + ahead;

// By name: [{phase, from}], the oldest first. When that one began is not known.
const pasts = new Map();
// Since when all transitions are known; nothing, if the server has to say.
let known;

function remember({ from, to, at_unix_ms, breaker: { name } }) {
  if (!pasts.has(name)) pasts.set(name, [{ phase: from }]);
  pasts.get(name).push({ phase: to, from: at_unix_ms });
}

function forget(before) {
  for (const [name, past] of pasts) {
    while (past.length > 1 && past[1].from < before) past.shift();
    if (past.at(-1).from < before) pasts.delete(name);
  }
}

// The phases of a breaker in the time that charts show: [{phase, from, to}].
function phases({ name, phase, in_phase_for_ms }) {
  const end = now(), past = [...pasts.get(name) ?? []];
  // An opening that is over reads as half-open; the next call makes the transition.
  if (past.at(-1)?.phase !== phase) past.push({ phase, from: end - in_phase_for_ms });
  return past.map(({ phase, from }, i) =>
    ({ phase, from, shownFrom: Math.max(end - SPAN, from ?? known), to: past[i + 1]?.from ?? end }));
}
