//! Records the transitions of a round.

use core::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Observer, Phase, Transition};

/// The transitions by generation. A round makes fewer than there are generations.
pub(super) struct Log([AtomicU32; 256]);

const NONE: u32 = u32::MAX;

impl Log {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU32::new(NONE) }; 256])
    }

    pub(super) fn clear(&self) {
        self.0.iter().for_each(|reported| reported.store(NONE, Ordering::Relaxed));
    }

    /// How many transitions were reported.
    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|reported| reported.load(Ordering::Relaxed) != NONE).count()
    }

    /// The phases that the transition to `generation` left and entered, if it was reported.
    pub(super) fn of(&self, generation: u8) -> Option<(Phase, Phase)> {
        match self.0[usize::from(generation)].load(Ordering::Relaxed) {
            NONE => None,
            reported => {
                Some((Phase::ALL[reported as usize / 8], Phase::ALL[reported as usize % 8]))
            }
        }
    }
}

impl Observer for Log {
    fn transition(&self, transition: &Transition) {
        let number = |phase| Phase::ALL.iter().position(|&other| other == phase).unwrap() as u32;
        let reported = number(transition.from) * 8 + number(transition.to);
        let before = self.0[usize::from(transition.generation)].swap(reported, Ordering::Relaxed);
        assert_eq!(before, NONE, "reported twice: {transition:?}");
    }
}
