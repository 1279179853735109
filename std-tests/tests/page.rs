//! The page in a real browser: `cargo xtask page`.

mod browser;

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use browser::Driver;
use microbreaker_std::admin::Admin;
use microbreaker_std::{Breaker, PausedClock, Phase, Registry};
use tokio::net::TcpListener;

const NOT_A_TAG: &str = "<img src=x onerror=document.title='run'>";

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_page_shows_what_happens_and_controls() {
    let template = Breaker::builder("template").failure_rate(50).min_calls(4).last_calls(10);
    let template = template.open_for(Duration::from_secs(30)).clock(PausedClock::new());
    let registry = Registry::new(template).unwrap();
    let (users, _odd) = (registry.get("users"), registry.get(NOT_A_TAG));

    let admin = Admin::new(registry).control(|_, _, _| Ok::<_, StatusCode>(()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/admin/dashboard", listener.local_addr().unwrap());
    let app: Router = Router::new().nest("/admin", admin.router());
    tokio::spawn(axum::serve(listener, app).into_future());

    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&page).await;
    let row = |phase| format!("tr[data-name='users'][data-phase='{phase}']");
    assert_eq!(browser.text(&format!("{} .phase", row("closed"))).await, "closed");
    assert_eq!(browser.text("#connection").await, "live");
    assert_eq!(browser.text("#summary").await, "2 in all, 0 not closed");

    for result in [Ok(()), Err(()), Ok(()), Err(())] {
        let _ = users.call(|| result);
    }
    let shown = browser.text(&row("open")).await;
    assert!(shown.contains("50 % (2 of 4)") && shown.contains("probes in 30.0 s"), "{shown}");
    let told = browser.text("#log li:first-child").await;
    assert!(told.ends_with("users: closed → open, failure rate"), "{told}");
    browser.text(&format!("{} .timeline .closed + .open", row("open"))).await;

    let button = |command| format!("tr[data-name='users'] button[data-command='{command}']");
    browser.click(&button("reset")).await;
    browser.text(&row("closed")).await;
    assert_eq!(users.phase(), Phase::Closed);
    browser.click(&button("half-open")).await;
    let refused = browser.text("#log li.lost").await;
    assert!(refused.contains("half-open was refused: a breaker that is closed"), "{refused}");

    assert_eq!(browser.text("tr:nth-child(1) .name").await, NOT_A_TAG);
    assert_eq!(browser.text("title").await, "Circuit breakers", "names are no code");
    browser.write("#matching", "u*").await;
    browser.text("#breakers tr:first-child[data-name='users']").await;
    assert_eq!(browser.text("#summary").await, "1 in all, 0 not closed");
    browser.close().await;
}
