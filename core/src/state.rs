//! The state word, and the words that tell when its phase began.

mod entered;
mod layout;
mod length;
mod word;

pub(crate) use entered::{Entered, Kept, MAX_AHEAD, MAX_STAY, Reading};
pub(crate) use layout::{
    GENERATIONS, MAX_CONSECUTIVE, MAX_PROBES, MAX_RATED_PROBES, Probes, State,
};
pub(crate) use length::Length;
pub(crate) use word::Word;
