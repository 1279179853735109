//! When the content of a file is taken: decided from what it is, each time that one looks.

use std::time::{Duration, Instant};

/// For how long a new content must have stayed the same before it is taken: a file is seldom
/// written at once.
pub(super) const QUIET: Duration = Duration::from_millis(500);

/// When to look again although nothing has happened: some file systems, such as those of a
/// network, do not tell.
pub(super) const SELDOM: Duration = Duration::from_secs(30);

/// What was taken last, and what may be next.
pub(super) struct Settled<C> {
    taken: C,
    /// What has been there since when, if that is something else.
    other: Option<(C, Instant)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Take this content now.
    Take,
    /// Look again when something has happened, or after this time.
    Again(Duration),
}

impl<C: PartialEq + Clone> Settled<C> {
    pub(super) const fn on(taken: C) -> Self {
        Self { taken, other: None }
    }

    /// What to do about `content`, which is there at `now`.
    pub(super) fn look(&mut self, content: &C, now: Instant) -> Look {
        if *content == self.taken {
            self.other = None;
            return Look::Again(SELDOM);
        }
        let since = match &self.other {
            Some((other, since)) if other == content => *since,
            _ => {
                self.other = Some((content.clone(), now));
                now
            }
        };
        match QUIET.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Look::Again(left),
            _ => {
                self.taken = content.clone();
                self.other = None;
                Look::Take
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Duration = Duration::from_millis(100);

    #[test]
    fn a_content_is_taken_once_it_has_stayed_for_a_while() {
        let (mut settled, start) = (Settled::on("a"), Instant::now());
        assert_eq!(settled.look(&"a", start), Look::Again(SELDOM));
        assert_eq!(settled.look(&"b", start + PART), Look::Again(QUIET));
        assert_eq!(settled.look(&"b", start + 2 * PART), Look::Again(QUIET - PART));
        assert_eq!(settled.look(&"b", start + PART + QUIET), Look::Take);
        assert_eq!(settled.look(&"b", start + PART + QUIET), Look::Again(SELDOM));
    }

    #[test]
    fn what_is_written_part_by_part_is_taken_as_a_whole() {
        let (mut settled, start) = (Settled::on("a"), Instant::now());
        for (number, content) in (0..).zip(["", "b", "b", "bc", "bc", "bcd"]) {
            let looked = settled.look(&content, start + number * PART);
            assert_ne!(looked, Look::Take, "{content:?} is not all of it");
        }
        assert_eq!(settled.look(&"bcd", start + 5 * PART + QUIET), Look::Take);
    }

    #[test]
    fn what_is_there_again_is_nothing_new() {
        let (mut settled, start) = (Settled::on("a"), Instant::now());
        assert_eq!(settled.look(&"", start), Look::Again(QUIET));
        assert_eq!(settled.look(&"a", start + PART), Look::Again(SELDOM));
        // It has not been like this for as long as before.
        assert_eq!(settled.look(&"", start + QUIET), Look::Again(QUIET));
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let (mut settled, start) = (Settled::on("a"), Instant::now());
        assert_eq!(settled.look(&"b", start + PART), Look::Again(QUIET));
        assert_eq!(settled.look(&"b", start), Look::Again(QUIET));
    }
}
