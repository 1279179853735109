//! The state word, and the words that say when its phase began.

mod entered;
mod layout;
mod word;

pub(crate) use entered::{Demand, Entered};
pub(crate) use layout::{MAX_CONSECUTIVE, MAX_PROBES, State};
pub(crate) use word::Word;
