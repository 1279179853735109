//! Calls that end without a response: whether they say something about the service, or only
//! about the way to it.

use std::time::Duration;

use http_body_util::BodyExt;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{
    Breaker, BreakerLayer, BreakerMiddleware, GrpcResponses, HttpResponses, Outcome,
};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{Body, Client, ClientBuilder, Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn breaker() -> Breaker {
    let breaker = Breaker::builder("users").failures_in_window(100).last_calls(100);
    breaker.open_for(SECOND).clock(PausedClock::new()).build().unwrap()
}

/// How the only call of `breaker` ended, as its fleet would see it.
fn outcome(breaker: &Breaker) -> Outcome {
    let tally = breaker.snapshot().tally;
    match (tally.calls, tally.failed, breaker.evidence().unanswered(1)) {
        (0, 0, 0) => Outcome::Ignored,
        (1, 0, 0) => Outcome::Success,
        (1, 1, 0) => Outcome::Failure,
        (1, 1, 1) => Outcome::Unanswered,
        other => panic!("{other:?}"),
    }
}

/// What becomes of a connection.
#[derive(Clone, Copy)]
enum Server {
    Refuses,
    /// Reads the request and never answers.
    Hangs,
    /// Reads the request, sends this, and closes the connection.
    Sends(&'static str),
}

async fn serve(server: Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/users", listener.local_addr().unwrap());
    tokio::spawn(async move {
        // Dropped, it refuses.
        if matches!(server, Server::Refuses) {
            return;
        }
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4_096]).await.unwrap();
            match server {
                Server::Sends(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                _ => drop(stream.read(&mut [0; 1]).await),
            }
        }
    });
    // Let it listen no longer, if it refuses.
    tokio::task::yield_now().await;
    url
}

/// Ignores the environment's proxies: the upstream is on this host.
fn client() -> ClientBuilder {
    Client::builder().no_proxy()
}

/// Knows no name.
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("there is no such name".into()) })
    }
}

/// Through the middleware, and through the layer.
async fn ends_as(expected: Outcome, client: ClientBuilder, url: &str) {
    let client = client.build().unwrap();
    let users = breaker();
    let guarded = reqwest_middleware::ClientBuilder::new(client.clone())
        .with(BreakerMiddleware::new(users.clone()))
        .build();
    if let Ok(response) = guarded.get(url).send().await {
        let _ = response.text().await;
    }
    assert_eq!(outcome(&users), expected, "{url} through the middleware");

    let users = breaker();
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::new(users.clone()).judged_at_end(HttpResponses::new()))
        .map_response(http::Response::<Body>::from)
        .service(client);
    let request = Request::new(Method::GET, url.parse().unwrap());
    if let Ok(response) = service.ready().await.unwrap().call(request).await {
        let _ = response.into_body().collect().await;
    }
    assert_eq!(outcome(&users), expected, "{url} through the layer");
}

#[tokio::test]
async fn a_refused_connection_is_unanswered() {
    ends_as(Outcome::Unanswered, client(), &serve(Server::Refuses).await).await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unanswered() {
    let client = client().dns_resolver(NoNames);
    ends_as(Outcome::Unanswered, client, "http://users.internal/").await;
}

#[tokio::test]
async fn a_time_limit_of_the_client_is_unanswered() {
    let client = client().timeout(Duration::from_millis(50));
    ends_as(Outcome::Unanswered, client, &serve(Server::Hangs).await).await;
}

#[tokio::test]
async fn a_connection_that_is_closed_instead_of_an_answer_is_a_failure() {
    for server in [Server::Sends(""), Server::Sends("SSH-2.0-OpenSSH_9.2\r\n")] {
        let users = breaker();
        let guarded = reqwest_middleware::ClientBuilder::new(client().build().unwrap())
            .with(BreakerMiddleware::new(users.clone()))
            .build();
        guarded.get(serve(server).await).send().await.unwrap_err();
        assert_eq!(outcome(&users), Outcome::Failure);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_says_nothing() {
    ends_as(Outcome::Ignored, client(), "file:///etc/passwd").await;
}

/// Also if a middleware between has wrapped the error.
#[tokio::test]
async fn errors_are_found_in_those_of_a_middleware() {
    use reqwest_middleware::{Error, Middleware, Next, Result};

    struct Wraps;

    #[derive(Debug)]
    struct Wrapped(Error);

    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "after three attempts: {}", self.0)
        }
    }

    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[async_trait::async_trait]
    impl Middleware for Wraps {
        async fn handle(
            &self,
            request: Request,
            extensions: &mut http::Extensions,
            next: Next<'_>,
        ) -> Result<reqwest::Response> {
            next.run(request, extensions).await.map_err(|error| Error::middleware(Wrapped(error)))
        }
    }

    for (server, expected) in
        [(Server::Refuses, Outcome::Unanswered), (Server::Sends(""), Outcome::Failure)]
    {
        let users = breaker();
        let guarded = reqwest_middleware::ClientBuilder::new(client().build().unwrap())
            .with(BreakerMiddleware::new(users.clone()))
            .with(Wraps)
            .build();
        guarded.get(serve(server).await).send().await.unwrap_err();
        assert_eq!(outcome(&users), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_inside_the_layer_is_unanswered() {
    let users = breaker();
    let hangs = service_fn(|()| std::future::pending::<Result<http::Response<String>, BoxError>>());
    let service = ServiceBuilder::new()
        .layer(BreakerLayer::new(users.clone()).judged_at_end(HttpResponses::new()))
        .timeout(SECOND)
        .service(hangs);
    service.oneshot(()).await.unwrap_err();
    assert_eq!(outcome(&users), Outcome::Unanswered);
}

#[tokio::test]
async fn a_channel_of_grpc_without_a_connection_is_unanswered() {
    let users = breaker();
    let channel = Endpoint::from_shared(serve(Server::Refuses).await).unwrap().connect_lazy();
    let layer = BreakerLayer::new(users.clone()).judged_at_end(GrpcResponses::new());
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(layer.layer(channel)).check(request).await.unwrap_err();
    assert_eq!(outcome(&users), Outcome::Unanswered);
}
