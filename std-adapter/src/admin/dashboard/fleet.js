// What the other instances of a breaker's fleet see.

// In a few words, for the list; none while there is nothing to say.
function fleetNotes({ age_ms: age, open, instances, failing, leases, leases_here: here, store }) {
  if (store.phase !== "closed") return ["without its fleet: no store"];
  if (age === null) return [];
  const notes = [];
  if (failing > 0) notes.push(`${count(failing)} of ${count(instances)} instances see it failing`);
  if (open) notes.push("the fleet is open");
  if (leases > 0) notes.push(here > 0 ? "probes for the fleet" : "another instance probes");
  return notes;
}

function drawFleet(place, fleet) {
  place.hidden = fleet === undefined;
  if (fleet === undefined) return;
  const { age_ms: age, open, instances, working, failing, leases, leases_here: here, store } = fleet;
  const heard = age === null ? {} : {
    decided: open ? "open" : "closed",
    instances,
    see_it_work: working,
    see_it_fail: failing,
    probes_here: here,
    other_probes: leases - here,
  };
  const took = store.round_trip_ms === null ? null : time(store.round_trip_ms);
  list(place.querySelector("dl"), {
    heard: age === null ? "too long ago" : `${time(age)} ago`,
    ...heard,
    store: store.phase === "closed" ? "up" : "down",
    exchanged: `${time(store.age_ms)} ago`,
    took,
    exchanges: store.succeeded,
    failed: store.failed,
  });
}
