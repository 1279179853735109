//! Looking a breaker up among a thousand, and getting a handle to it.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dashmap::DashMap;
use microbreaker_std::{Breaker, Builder, Registry};

use crate::{Contender, Reads, Side};

/// The registry, which notes when a breaker was last asked for.
pub const REGISTRY: &str = "Registry::get";

/// The registry beside maps that hold the same handles.
pub fn contenders() -> Vec<Contender> {
    let names: Arc<[String]> = (0..1_000).map(|tenant| format!("tenant-{tenant}")).collect();
    let registry = Registry::new(template("template")).expect("the template can be built");
    names.iter().for_each(|name| drop(registry.get(name)));
    let breakers = || {
        let built = |name: &String| (name.clone(), template(name).build().expect("as above"));
        names.iter().map(built).collect::<Vec<_>>()
    };
    let dashmap: DashMap<_, _> = breakers().into_iter().collect();
    let papaya: papaya::HashMap<_, _> = breakers().into_iter().collect();
    let locked = RwLock::new(breakers().into_iter().collect::<HashMap<_, _>>());
    let read =
        move |name: &str| locked.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    vec![
        look_up(REGISTRY, Side::Ours, Reads::Coarse, &names, move |name| Some(registry.get(name))),
        look_up("DashMap", Side::Peer, Reads::Nothing, &names, move |name| {
            dashmap.get(name).map(|breaker| breaker.clone())
        }),
        look_up("papaya", Side::Peer, Reads::Nothing, &names, move |name| {
            papaya.pin().get(name).cloned()
        }),
        look_up("a std map in a lock", Side::Peer, Reads::Nothing, &names, read),
    ]
}

fn template(name: &str) -> Builder {
    Breaker::builder(name).consecutive_failures(5).open_for(Duration::from_secs(3_600))
}

fn look_up(
    name: &str,
    side: Side,
    reads: Reads,
    names: &Arc<[String]>,
    find: impl Fn(&str) -> Option<Breaker> + Send + Sync + 'static,
) -> Contender {
    let names = names.clone();
    Contender::new(name, side, reads, move |calls| {
        let mut names = names.iter().cycle();
        calls.each(|ok| ok && names.next().is_some_and(|name| black_box(find(name)).is_some()))
    })
}
