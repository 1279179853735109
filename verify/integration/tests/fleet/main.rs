//! What people see of a fleet: series, logs, events, and the admin routes.

mod administered;
mod logged;
mod measured;
#[path = "../../../../fleet/tests/rig/mod.rs"]
mod rig;
