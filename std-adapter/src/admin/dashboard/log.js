// The list of what has happened.

const MOST_LINES = 200;

function log(text, className = "", at = now()) {
  const line = element("li", className), time = element("time", "", new Date(at).toLocaleTimeString());
  time.dateTime = new Date(at).toISOString();
  line.append(time, text);
  $("log").prepend(line);
  while ($("log").children.length > MOST_LINES) $("log").lastChild.remove();
}

function connected(is) {
  say($("connection"), is ? "live" : "connection lost");
  $("connection").className = is ? "" : "lost";
}
