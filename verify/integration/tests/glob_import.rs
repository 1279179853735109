//! `use microbreaker_std::*` shadows no other crate.

use std::convert::Infallible;
use std::time::Duration;

use http::StatusCode;
use microbreaker_std::*;
use tower::ServiceBuilder;

#[test]
fn a_glob_import_leaves_the_names_of_other_crates_alone() {
    let breaker = Breaker::builder("users").consecutive_failures(1);
    let breaker = breaker.open_for(Duration::from_secs(1)).build().unwrap();
    let answer = tower::service_fn(async |()| Ok::<_, Infallible>(StatusCode::OK));
    let service = ServiceBuilder::new().layer(BreakerLayer::new(breaker)).service(answer);
    assert_eq!(service.breaker().phase(), Phase::Closed);
}
