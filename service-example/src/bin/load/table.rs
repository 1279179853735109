//! What users saw, as a table.

use microbreaker_std::Phase;

use crate::run::{Chapter, Guard, Report};

pub(crate) fn print(report: &Report) {
    let guard = match report.guard {
        Guard::None => "without the breaker",
        Guard::Breaker => "with the breaker",
    };
    chapters(guard, &report.chapters);
    if report.guard == Guard::Breaker {
        let calls = &report.calls;
        println!(
            "\ncalls to the upstream while open: {}; probes: {} in {} half-open phases",
            calls.of(Phase::Open),
            calls.of(Phase::HalfOpen),
            calls.half_opened,
        );
    }
}

pub(crate) fn chapters(title: &str, chapters: &[Chapter]) {
    println!("\n{title}\n");
    println!(
        "| upstream | requests | fresh | cached | none | hung | upstream asked | p50 ms | p99 ms | max ms |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for chapter in chapters {
        let Chapter { name, sent, fresh, cached, unavailable, hung, asked, latency } = chapter;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|q| latency.value_at_quantile(q) as f64 / 1e3);
        println!(
            "| {name} | {sent} | {fresh} | {cached} | {unavailable} | {hung} | {asked} \
             | {p50:.1} | {p99:.1} | {max:.1} |"
        );
    }
}
