//! What HTTP responses mean: "not found" is an answer, 500 is a failure, and
//! `Retry-After` opens for as long as it says.
//!
//! `cargo run -p microbreaker-std --features http --example http`

use std::io;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, BuildError, CallError, HttpResponses, Phase};

/// What an HTTP client returns.
fn response(status: StatusCode) -> io::Result<Response<&'static str>> {
    let mut response = Response::new("");
    *response.status_mut() = status;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, 120.into());
    }
    Ok(response)
}

fn main() -> Result<(), BuildError> {
    let clock = PausedClock::new();
    let search = Breaker::builder("search")
        .consecutive_failures(2)
        .open_for(Duration::from_secs(30))
        .clock(clock.clone())
        .build()?;
    let ask = |answer: fn() -> io::Result<Response<&'static str>>| {
        // A client with a response type of its own uses `HttpResponses::of`.
        match search.call_classified(answer, HttpResponses::new()) {
            Ok(response) => println!("{}; {}", response.status(), search.phase()),
            Err(CallError::Failed(error)) => println!("{error}; {}", search.phase()),
            Err(CallError::Rejected(why)) => println!("{why}"),
        }
        search.phase()
    };

    assert_eq!(ask(|| response(StatusCode::OK)), Phase::Closed);
    assert_eq!(ask(|| response(StatusCode::BAD_GATEWAY)), Phase::Closed);
    assert_eq!(ask(|| response(StatusCode::NOT_FOUND)), Phase::Closed); // not in a row
    assert_eq!(ask(|| Err(io::ErrorKind::ConnectionRefused.into())), Phase::Closed);
    assert_eq!(ask(|| response(StatusCode::INTERNAL_SERVER_ERROR)), Phase::Open);
    assert_eq!(search.snapshot().retry_after, Some(Duration::from_secs(30)));

    clock.advance(Duration::from_secs(30));
    assert_eq!(ask(|| response(StatusCode::SERVICE_UNAVAILABLE)), Phase::Open);
    assert_eq!(search.snapshot().retry_after, Some(Duration::from_secs(120)));
    ask(|| response(StatusCode::OK)); // refused
    Ok(())
}
