//! Behaviours of circuit breakers as step tables.
//!
//! A [`case`](case::Case) is a configuration and a table of steps, with what must hold
//! after each. [`check`](check::check) replays it on the real breaker and on the model,
//! [`draw`](draw::draw) turns it into a timeline, and [`record`](record::record) records
//! its actions. `cases/README.md` describes the schema, and where the behaviours come
//! from.

pub mod case;
pub mod check;
pub mod draw;
pub mod pictures;
pub mod record;

mod expect;
mod replay;
mod settings;
mod subject;
