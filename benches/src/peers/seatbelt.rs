use std::task::Waker;
use std::time::Duration;

use layered::{Execute, Service, Stack};
use seatbelt::breaker::Breaker;
use seatbelt::{RecoveryInfo, ResilienceContext};
use tick::runtime::InactiveClock;

use super::{HOUR, finish, peer};
use crate::{Contender, Failed, Reads, Scenario, work};

/// The last 30 seconds: it has no count-based window. Async only.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let (clock, driver) = InactiveClock::default().activate(Waker::noop().clone());
    let context = ResilienceContext::<bool, Result<(), Failed>>::new(&clock);
    let service = (
        Breaker::layer("breaker", &context)
            .recovery_with(|result: &Result<(), Failed>, _| match result {
                Ok(()) => RecoveryInfo::never(),
                Err(Failed) => RecoveryInfo::retry(),
            })
            .rejected_input_error(|_, _| Failed)
            .failure_threshold(0.5)
            .min_throughput(100)
            .sampling_duration(Duration::from_secs(30))
            .break_duration(HOUR),
        Execute::new(|ok: bool| async move { work(ok) }),
    )
        .into_service();
    if scenario == Scenario::Open {
        for _ in 0..1_000 {
            let _ = finish(service.execute(false));
        }
    }
    vec![peer("seatbelt", Reads::Precise, move |calls| {
        let _timers = &driver;
        calls.each(|ok| finish(service.execute(ok)).is_ok())
    })]
}
