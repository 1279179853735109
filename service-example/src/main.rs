//! The service, its upstream, and a dashboard of the breaker between them.

use std::time::Duration;

use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_service_example::{listen, metrics, service};
use microbreaker_std::admin::{Admin, phase_header};
use microbreaker_std::{Breaker, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let template = Breaker::builder("template").consecutive_failures(5).measure_durations();
    let template = template.measure_latency();
    let registry = Registry::new(template.open_for(Duration::from_secs(2)))?;
    let mut upstream = Upstream::start().await?;

    let rates = registry.get("rates");
    // Everyone may control the breaker: the service is reachable only from this host.
    let admin = Admin::new(registry.clone()).control(|_, _, _| Ok(()));
    let app = service::app(upstream.address(), Some(rates.clone()), || ())
        .layer(phase_header(rates))
        .nest("/admin", admin.router())
        .merge(metrics::scraped(registry)?);
    let listener = listen(8080).await?;
    println!("http://127.0.0.1:8080/rate              call the service, which calls its upstream");
    println!("http://127.0.0.1:8080/admin/dashboard   see its breaker");
    println!("http://127.0.0.1:8080/metrics           what Prometheus scrapes");
    println!("A user calls ten times per second; the upstream fails for 10 of every 30 seconds.");
    tokio::spawn(async {
        let client =
            reqwest::Client::builder().no_proxy().build().expect("the default client can be built");
        loop {
            // The dashboard shows how it went.
            let _ = client.get("http://127.0.0.1:8080/rate").send().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    tokio::spawn(async move {
        loop {
            for (fault, seconds) in [(Fault::None, 20), (Fault::Errors, 5), (Fault::Hangs, 5)] {
                upstream.set(fault).await.expect("it never gives up its port here");
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
        }
    });
    Ok(axum::serve(listener, app).await?)
}
