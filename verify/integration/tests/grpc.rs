//! gRPC calls by tonic to a server that answers in every way that the protocol knows.

use std::time::Duration;

use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Abandoned;
use microbreaker_std::{AtEnd, Breaker, BreakerLayer, BreakerService, GrpcResponses};
use tokio::net::TcpListener;
use tonic::Code;
use tonic::codegen::Bytes;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer;

const SECOND: Duration = Duration::from_secs(1);

/// How the server answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// With a message, and this code in the trailers.
    Trailers(Code),
    /// With this code in the headers.
    TrailersOnly(Code),
    /// With a message and no code.
    NoCode,
    /// With this HTTP status, and no code.
    Http(u16),
    /// With headers, and then a reset of the stream.
    Reset(Reason),
    /// With headers, and then nothing.
    Hang,
}

/// A server that answers all requests of one connection, and its address.
async fn serve(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut hanging = Vec::new();
        while let Some(Ok((_, response))) = connection.accept().await {
            hanging.extend(respond(response, answer));
        }
    });
    address
}

/// The message of a `HealthCheckResponse` that says "serving".
const MESSAGE: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

fn respond(mut response: SendResponse<Bytes>, answer: Answer) -> Option<h2::SendStream<Bytes>> {
    let code =
        |code: Code| HeaderMap::from_iter([("grpc-status".parse().unwrap(), (code as i32).into())]);
    let mut head = Response::new(());
    head.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    match answer {
        Answer::TrailersOnly(c) => head.headers_mut().extend(code(c)),
        Answer::Http(status) => *head.status_mut() = status.try_into().unwrap(),
        _ => {}
    }
    let is_all = matches!(answer, Answer::TrailersOnly(_) | Answer::Http(_));
    let mut stream = response.send_response(head, is_all).unwrap();
    match answer {
        Answer::Trailers(c) => {
            stream.send_data(Bytes::from_static(MESSAGE), false).unwrap();
            stream.send_trailers(code(c)).unwrap();
        }
        Answer::NoCode => stream.send_data(Bytes::from_static(MESSAGE), true).unwrap(),
        Answer::Reset(reason) => stream.send_reset(reason),
        Answer::Hang => return Some(stream),
        Answer::TrailersOnly(_) | Answer::Http(_) => {}
    }
    None
}

struct Bench {
    clock: PausedClock,
    breaker: Breaker,
}

/// A breaker that counts and does not trip.
fn bench() -> Bench {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").failures_in_window(100).last_calls(100);
    let breaker = breaker.slow_rate(100).slow_after(2 * SECOND).min_calls(100);
    let breaker = breaker.open_for(30 * SECOND).abandoned(Abandoned::ByTime).clock(clock.clone());
    Bench { clock, breaker: breaker.build().unwrap() }
}

impl Bench {
    /// A guarded client of the server at `address`.
    fn client(&self, address: String) -> Client {
        let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
        let layer = BreakerLayer::new(self.breaker.clone()).judged_at_end(GrpcResponses::new());
        HealthClient::new(layer.layer(channel))
    }

    /// Calls, failed, slow.
    fn counted(&self) -> [u32; 3] {
        let tally = self.breaker.snapshot().tally;
        [tally.calls, tally.failed, tally.slow]
    }
}

type Client = HealthClient<BreakerService<Channel, AtEnd<GrpcResponses>>>;

fn request() -> HealthCheckRequest {
    HealthCheckRequest { service: String::new() }
}

async fn code_of(answer: Answer, counted: [u32; 3]) -> Code {
    let bench = bench();
    let mut client = bench.client(serve(answer).await);
    let code = client.check(request()).await.map_or_else(|status| status.code(), |_| Code::Ok);
    assert_eq!(bench.counted(), counted, "{answer:?}");
    code
}

#[tokio::test]
async fn a_code_in_the_trailers_counts() {
    for (code, failed) in [
        (Code::Ok, 0),
        (Code::NotFound, 0),
        (Code::Unimplemented, 0),
        (Code::ResourceExhausted, 0),
        (Code::Unknown, 1),
        (Code::DeadlineExceeded, 1),
        (Code::Internal, 1),
        (Code::Unavailable, 1),
        (Code::DataLoss, 1),
    ] {
        assert_eq!(code_of(Answer::Trailers(code), [1, failed, 0]).await, code);
    }
}

#[tokio::test]
async fn a_code_in_the_headers_counts() {
    for (code, failed) in [(Code::NotFound, 0), (Code::Unavailable, 1)] {
        assert_eq!(code_of(Answer::TrailersOnly(code), [1, failed, 0]).await, code);
    }
}

#[tokio::test]
async fn a_reset_stream_is_a_failure() {
    for reason in [Reason::INTERNAL_ERROR, Reason::REFUSED_STREAM, Reason::CANCEL] {
        assert_ne!(code_of(Answer::Reset(reason), [1, 1, 0]).await, Code::Ok);
    }
}

#[tokio::test]
async fn a_response_without_a_code_is_a_failure() {
    code_of(Answer::NoCode, [1, 1, 0]).await;
    assert_eq!(code_of(Answer::Http(503), [1, 1, 0]).await, Code::Unavailable);
}

#[tokio::test]
async fn a_stream_that_hangs_until_the_caller_leaves_is_slow() {
    let bench = bench();
    let mut client = bench.client(serve(Answer::Hang).await);
    let stream = client.watch(request()).await.unwrap();
    bench.clock.advance(5 * SECOND);
    assert_eq!(bench.counted(), [0, 0, 0]);
    drop(stream);
    assert_eq!(bench.counted(), [1, 0, 1]);
}

#[tokio::test]
async fn the_time_of_a_stream_lasts_until_its_end() {
    let bench = bench();
    let mut client = bench.client(serve(Answer::Trailers(Code::Ok)).await);
    let mut stream = client.watch(request()).await.unwrap().into_inner();
    bench.clock.advance(5 * SECOND);
    while stream.message().await.unwrap().is_some() {}
    assert_eq!(bench.counted(), [1, 0, 1]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let bench = bench();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let failed = bench.client(address).check(request()).await.unwrap_err();
    assert_eq!(failed.code(), Code::Unavailable);
    assert_eq!(bench.counted(), [1, 1, 0]);
}

#[tokio::test]
async fn a_refusal_is_unavailable_and_says_how_long() {
    let bench = bench();
    // Nothing is sent there.
    let mut client = bench.client("http://127.0.0.1:1".to_owned());
    bench.breaker.trip();
    let refused = client.check(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.metadata().get("grpc-retry-pushback-ms").unwrap(), "30000");
    assert!(refused.message().contains(r#"circuit breaker "users" refused"#), "{refused}");

    bench.breaker.force_open();
    let refused = client.check(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(!refused.metadata().contains_key("grpc-retry-pushback-ms"));
    // A stream is refused in the same way.
    assert_eq!(client.watch(request()).await.unwrap_err().code(), Code::Unavailable);
}
