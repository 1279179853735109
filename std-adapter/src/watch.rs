//! What the adapter hears from the core.

use microbreaker::Observer;

/// The observer of every breaker in here.
pub(crate) struct Watch;

impl Observer for Watch {}
