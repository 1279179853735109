//! What people see of a fleet: series, events, and the admin routes.

mod administered;
mod measured;
#[path = "../../../../fleet/tests/rig/mod.rs"]
mod rig;
mod told;
