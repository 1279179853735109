//! The sums of the slots of a breaker, which a store keeps up to date, against adding up a
//! plain list; and how old a closing is.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Proposal, Report, Request, Slot, Store, Verdict};
use proptest::prelude::*;

const LIFETIME: u64 = 3_000;
/// For how long a slot may still count that has ended: a quarter of an interval.
const LATE: u64 = LIFETIME / 12;

#[derive(Clone, Debug)]
pub(crate) struct Step {
    instance: usize,
    /// By how much the clock moves before it, in milliseconds.
    moves: i64,
    /// Calls and failures, of this epoch or another one.
    slot: Option<(u32, u32, bool)>,
    proposes: bool,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let moves = prop_oneof![
        12 => 0..400_i64,
        2 => 400..4_000_i64,
        // The clock is set.
        1 => -10_000..10_000_i64,
    ];
    let slot = prop::option::weighted(0.8, (0..100_u32, 0..100_u32, prop::bool::weighted(0.8)));
    let step = (0..5_usize, moves, slot, prop::bool::weighted(0.05));
    let step =
        step.prop_map(|(instance, moves, slot, proposes)| Step { instance, moves, slot, proposes });
    prop::collection::vec(step, 1..150)
}

/// Instances, calls and failures.
fn sums<'a>(slots: impl Iterator<Item = &'a Slot>, epoch: u64) -> [u64; 3] {
    slots.fold([0; 3], |[instances, calls, failed], slot| {
        let counts = u64::from(slot.epoch == epoch);
        let (more, worse) = (u64::from(slot.calls) * counts, u64::from(slot.failed) * counts);
        [instances + 1, calls + more, failed + worse]
    })
}

/// Carries the steps out on an empty store, whose clock `set` sets to a number of
/// milliseconds.
pub(crate) async fn check(store: &impl Store, name: &str, set: impl AsyncFn(u64), steps: &[Step]) {
    let mut slots: BTreeMap<usize, (Slot, u64, bool)> = BTreeMap::new();
    let (mut epoch, mut at, mut closed) = (0, 1_000_000_u64, None);
    for (n, step) in steps.iter().enumerate() {
        at = at.wrapping_add_signed(step.moves);
        set(at).await;
        // What was written in the future counts no more.
        slots.retain(|_, (_, written, _)| *written <= at && at - *written < LIFETIME + LATE);
        // What has ended stays so when the clock is set back.
        for (_, written, ended) in slots.values_mut() {
            *ended |= at - *written >= LIFETIME;
        }
        let proposal = step.proposes.then_some(Proposal { epoch, open_for: None });
        let slot = step.slot.map(|(calls, failed, current)| {
            let epoch = if current { epoch } else { 1 << 45 };
            Slot { epoch, calls, failed, ..Slot::default() }
        });
        let name = name.into();
        let report = Report { name, slot, handed_back: 0, used: 0, wish: None, proposal };
        let request = Request {
            instance: step.instance.to_string(),
            sequence: n as u64 + 1,
            lifetime: Duration::from_millis(LIFETIME),
            reports: vec![report],
            seen: 0,
        };
        let view = store.exchange(&request).await.unwrap().views[0].unwrap();
        epoch = view.epoch;
        if step.proposes {
            closed = Some(at);
        }
        // If the clock is set back, it has just happened.
        let age = closed.map(|then| Duration::from_millis(at.saturating_sub(then)));
        assert_eq!(view.verdict, age.map_or(Verdict::None, Verdict::Closed));
        if let Some(slot) = slot {
            slots.insert(step.instance, (slot, at, false));
        }
        let live = slots.values().filter(|(_, _, ended)| !ended);
        let least = sums(live.map(|(slot, ..)| slot), epoch);
        let most = sums(slots.values().map(|(slot, ..)| slot), epoch);
        let got = [view.instances, view.tally.calls, view.tally.failed].map(u64::from);
        for ((got, least), most) in got.iter().zip(least).zip(most) {
            assert!(
                (least..=most).contains(got),
                "{got} is not in {least}..={most} after {:#?}",
                &steps[..=n]
            );
        }
    }
}
