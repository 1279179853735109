//! A guarded gRPC client and its server, by tonic. "Not found" is an answer; after
//! three internal errors the breaker refuses with `UNAVAILABLE`.
//!
//! `cargo run -p microbreaker-service-example --example grpc`

use std::time::Duration;

use microbreaker_service_example::listen;
use microbreaker_std::{Breaker, BreakerLayer, GrpcResponses, Phase};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::health_reporter;
use tower::ServiceBuilder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let listener = listen(0).await?;
    let upstream = format!("http://{}", listener.local_addr()?);
    let (_, health) = health_reporter();
    // Fails the requests that ask for it.
    let fails = |request: Request<()>| match request.metadata().get("broken") {
        Some(_) => Err(Status::internal("out of order")),
        None => Ok(request),
    };
    let server = Server::builder()
        .layer(tonic::service::InterceptorLayer::new(fails))
        .add_service(health)
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);

    let users = Breaker::builder("users")
        .consecutive_failures(3)
        .open_for(Duration::from_secs(30))
        .build()?;
    let channel = ServiceBuilder::new()
        .layer(BreakerLayer::new(users.clone()).judged_at_end(GrpcResponses::new()))
        .timeout(Duration::from_secs(2)) // a call that hangs is a failure
        .service(Endpoint::from_shared(upstream)?.connect().await?);
    let mut client = HealthClient::new(channel);
    let query = |service: &str, is_broken: bool| {
        let mut request = Request::new(HealthCheckRequest { service: service.to_owned() });
        if is_broken {
            request.metadata_mut().insert("broken", "yes".parse().expect("it is ASCII"));
        }
        request
    };

    let answer = client.check(query("", false)).await?.into_inner();
    println!("{:?}; {}", answer.status(), users.phase());
    for _ in 0..5 {
        // The name is unknown. That is an answer.
        let unknown = client.check(query("nobody", false)).await.unwrap_err();
        assert_eq!((unknown.code(), users.phase()), (Code::NotFound, Phase::Closed));
    }
    for _ in 0..3 {
        let failed = client.check(query("", true)).await.unwrap_err();
        println!("{:?}: {}; {}", failed.code(), failed.message(), users.phase());
        assert_eq!(failed.code(), Code::Internal);
    }
    let refused = client.check(query("", false)).await.unwrap_err();
    println!("{:?}: {}", refused.code(), refused.message());
    assert_eq!((refused.code(), users.phase()), (Code::Unavailable, Phase::Open));
    assert!(refused.metadata().contains_key("grpc-retry-pushback-ms")); // how long to wait
    Ok(())
}
