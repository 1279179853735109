//! A breaker around a real HTTP client.

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, CallError, HttpResponses, Phase};
use reqwest::{Client, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one request after another, each on its own connection.
async fn serve(listener: TcpListener, answers: &[&str]) {
    for answer in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4_096]).await.unwrap();
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn breaker() -> Breaker {
    let breaker = Breaker::builder("users").consecutive_failures(2);
    breaker.open_for(Duration::from_secs(3_600)).clock(PausedClock::new()).build().unwrap()
}

async fn get(breaker: &Breaker, url: &str) -> Result<u16, CallError<reqwest::Error>> {
    // Ignores the environment's proxies: the upstream is on this host.
    let client = Client::builder().no_proxy().build().unwrap();
    let meaning = HttpResponses::new().of(|r: &Response| (r.status(), r.headers()));
    let response = breaker.call_async_classified(client.get(url).send(), meaning).await?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn server_errors_count_and_client_errors_do_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let breaker = breaker();
    let calls = async {
        for status in [404, 404, 404, 500] {
            assert_eq!(get(&breaker, &url).await.unwrap(), status);
            assert_eq!(breaker.phase(), Phase::Closed);
        }
        assert_eq!(get(&breaker, &url).await.unwrap(), 503);
        assert!(get(&breaker, &url).await.unwrap_err().rejected().is_some());
    };
    let answers = ["404 A", "404 A", "404 A", "500 A", "503 A"];
    tokio::join!(calls, serve(listener, &answers));
}

#[tokio::test]
async fn a_retry_after_opens_for_that_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let breaker = breaker();
    let call = async {
        assert_eq!(get(&breaker, &url).await.unwrap(), 503);
        assert_eq!(breaker.snapshot().retry_after, Some(Duration::from_secs(120)));
    };
    tokio::join!(call, serve(listener, &["503 A\r\nretry-after: 120"]));
}

#[tokio::test]
async fn a_refused_connection_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let breaker = breaker();
    for _ in 0..2 {
        assert!(matches!(get(&breaker, &url).await, Err(CallError::Failed(_))));
    }
    assert!(get(&breaker, &url).await.unwrap_err().rejected().is_some());
}
