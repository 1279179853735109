//! Replays the scenarios on the host, and records what the breaker answers. The suite tests
//! that every core gives the same answers.

#[path = "src/trace.rs"]
mod trace;

use std::collections::HashMap;
use std::path::PathBuf;
use std::{env, fs};

use microbreaker::Outcome;
use microbreaker_model::{Settings, Window};
use microbreaker_scenarios::case;
use microbreaker_scenarios::pictures::cases;
use microbreaker_scenarios::record::{Act, End, Handle, record};
use trace::{Action, Head, PLACES, Shape, Step, play};

fn main() {
    println!("cargo:rerun-if-changed={}", cases().display());
    println!("cargo:rerun-if-changed=src/trace.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let mut traces = Vec::new();
    for entry in case::load(&cases()).expect("there are cases") {
        let case = entry.case.expect("a case follows the schema");
        // Skips the cases that the design rules out.
        if let Ok((settings, acts)) = record(&case) {
            trace(&case.id, &settings, &steps(&acts), &mut traces);
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("traces"), traces).expect("OUT_DIR is writable");
}

/// Appends the trace of a case to `traces`.
fn trace(name: &str, settings: &Settings, steps: &[Step], traces: &mut Vec<u8>) {
    let shape = shape(settings);
    let head = Head { name, shape, config: settings.config(), steps: steps.len() as u32 };
    append(&head, traces);
    play(shape, settings.config(), &mut |act| {
        steps.iter().for_each(|&step| append(&(step, act(step)), traces));
    });
}

fn append(value: &impl serde::Serialize, bytes: &mut Vec<u8>) {
    bytes.extend(postcard::to_stdvec(value).expect("it can be serialized"));
}

fn shape(settings: &Settings) -> Shape {
    match (settings.window, settings.slow_rate.is_some()) {
        (Window::None, _) if settings.leaky_bucket.is_some() => Shape::LeakyBucket,
        (Window::None, _) => Shape::None,
        (Window::Count(_), false) => Shape::Count,
        (Window::Count(_), true) => Shape::CountAndSlow,
        (Window::Time { buckets, .. }, false) => Shape::Time(buckets),
        (Window::Time { buckets, .. }, true) => Shape::TimeAndSlow(buckets),
        (Window::Failures { .. }, _) => unreachable!("no case asks for one"),
    }
}

/// Assigns places to the permits. Those of calls that never end are lost at once.
fn steps(acts: &[Act]) -> Vec<Step> {
    let ends = |call| acts.iter().any(|act| matches!(act, Act::Finish(ended, _) if *ended == call));
    let mut places: HashMap<Handle, u8> = HashMap::new();
    let mut action = |act: Act| match act {
        Act::SetClock(_) => Action::Look,
        Act::Acquire(call) => Action::Acquire(ends(call).then(|| {
            let free = |place: &u8| !places.values().any(|taken| taken == place);
            let place = (0..PLACES as u8).find(free).expect("a case holds few permits");
            places.insert(call, place);
            place
        })),
        Act::Finish(call, end) => {
            let place = places.remove(&call).expect("a call ends once");
            match end {
                End::Finished { outcome, took } => Action::Finish(place, outcome, took),
                // A bare core does not unwind.
                End::Panicked => Action::Finish(place, Outcome::Failure, None),
                End::Cancelled => Action::Cancel(place),
            }
        }
        Act::Command(command) => Action::Command(command),
    };
    let mut steps: Vec<Step> = Vec::new();
    for &act in acts {
        let action = action(act);
        match (act, steps.last_mut()) {
            (Act::SetClock(tick), _) => steps.push(Step { tick, action }),
            // The clock was set for this action, which replaces the look.
            (_, Some(last)) if matches!(last.action, Action::Look) => last.action = action,
            (_, Some(&mut Step { tick, .. })) => steps.push(Step { tick, action }),
            (_, None) => steps.push(Step { tick: 0, action }),
        }
    }
    steps
}
