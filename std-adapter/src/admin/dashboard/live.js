// Asks the server, and hears from it.

const EVERY = 1_000;          // ms between answers, at least
const AFTER_EVENT = 250;      // ms, the same if something has happened
const SHARE = 10;             // a server that takes long is asked for a tenth of the time

async function ask(what, query) {
  const answer = await fetch(`${what}?${new URLSearchParams(query)}`);
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function show() {
  const { matching: typed, group, standing, groups, page } = view, matching = typed || "*";
  const query = { matching, order: "trouble", limit: groups ? 1 : ROWS, skip: groups ? 0 : page * ROWS };
  if (group !== null) query.group = group;
  if (standing !== null) query.standing = standing;
  const wanted = { matching, limit: ROWS, skip: page * ROWS };
  const [list, grouped] = await Promise.all([ask("breakers", query), groups ? ask("groups", wanted) : null]);
  // Something else is wanted by now.
  if (groups !== view.groups || page !== view.page || typed !== view.matching) return soon();
  const { in_all, not_closed, selected, standings, unmatched } = list;
  const total = grouped?.in_all ?? selected, shown = (grouped?.groups ?? list.breakers).length;
  if (shown === 0 && page > 0) return look({ page: Math.max(0, Math.ceil(total / ROWS) - 1) });
  commands = list.commands;
  ahead = list.at_unix_ms - Date.now();
  known ??= list.remembered_since_unix_ms;
  forget(now() - SPAN);
  say($("summary"), `${count(in_all)} in all, ${count(not_closed)} not closed`);
  drawStandings(standings, in_all);
  if (grouped) showGroups(grouped);
  else showBreakers(list);
  drawPager(total, shown);
  await askDetails(list.at_unix_ms);
  offerAll(matching, in_all);
  say($("unmatched"), unmatched.length > 0 ? `Settings that apply to none of them: ${unmatched.join(", ")}` : "");
  connected(events.readyState === EventSource.OPEN);
}

let asking = false, again = false, timer, ended = 0, took = 0;

// Asks again as soon as the server may be asked: one answer at a time, or an older one could
// come last.
function soon() {
  again = true;
  if (!asking) schedule(AFTER_EVENT);
}

function schedule(pause) {
  clearTimeout(timer);
  const due = ended + Math.max(pause, SHARE * took) - performance.now();
  timer = setTimeout(refresh, Math.max(0, due));
}

async function refresh() {
  // Nobody looks at it.
  if (asking || document.hidden) return;
  asking = true;
  again = false;
  const began = performance.now();
  try {
    await show();
  } catch {
    connected(false);
  }
  ended = performance.now();
  took = ended - began;
  asking = false;
  schedule(again ? AFTER_EVENT : EVERY);
}

let events, newest = 0;

function listen() {
  events = new EventSource(`events?after=${newest}`);
  const on = (name, tell) => events.addEventListener(name, message => {
    newest = message.lastEventId || newest;
    tell(JSON.parse(message.data));
    soon();
  });
  on("transition", happened => {
    remember(happened);
    log(`${happened.breaker.name}: ${words(happened.from)} → ${words(happened.to)}, ${words(happened.cause)}`,
      "", happened.at_unix_ms);
  });
  on("would_trip", happened =>
    log(`${happened.breaker.name}: would have tripped, ${words(happened.cause)}`, "", happened.at_unix_ms));
  on("missed", missed => {
    pasts.clear();
    known = undefined;
    log(`${missed.events} events before these are forgotten`, "lost");
  });
  events.onopen = soon;
  events.onerror = () => {
    connected(false);
    // It comes back by itself, unless the answer was an error.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

document.onvisibilitychange = soon;
fromAddress();
drawView();
listen();
soon();
