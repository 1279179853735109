// Commands, where the server allows them.

let commands = [];

function addButtons(place, give) {
  for (const command of commands) {
    const button = element("button", "", command);
    button.dataset.command = command;
    button.onclick = () => give(command);
    place.append(button);
  }
}

async function control(address, name, command) {
  const answer = await fetch(address, { method: "POST" });
  const told = await answer.json().catch(() => null) ?? {};
  if (told.later) log(`${name}: ${command} holds for those that are made later, too`);
  const error = answer.ok ? undefined : told.error ?? answer.status;
  for (const one of told.breakers ?? [{ name, error }]) {
    if (one.error) log(`${one.name}: ${command} was refused: ${one.error}`, "lost");
  }
  soon();
}

function offerAll(matching, count) {
  const every = $("every"), place = every.querySelector("span");
  every.hidden = matching === "*" || count === 0 || commands.length === 0;
  if (place.children.length === 0) addButtons(place, command => {
    const { matching, count } = every.dataset;
    if (!confirm(`${command}: all ${count} that match ${matching}?`)) return;
    control(`control/${command}?matching=${encodeURIComponent(matching)}`, matching, command);
  });
  Object.assign(every.dataset, { matching, count });
}
