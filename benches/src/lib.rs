//! Benchmarks: `cargo bench -p microbreaker-benches`.
