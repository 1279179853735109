//! The dashboard in a real browser: `cargo xtask page`.

mod browser;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use axum::Router;
use browser::Driver;
use microbreaker_std::admin::Admin;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Phase, Registry};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const NOT_A_TAG: &str = "<img src=x onerror=document.title='run'>";

/// Two breakers, `users` and one with an odd name, and the router that serves their page,
/// where the time of day is `now`.
fn app(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> (Registry, Router) {
    let template = Breaker::builder("template").failure_rate(50).min_calls(4).last_calls(10);
    let template = template.open_for(Duration::from_secs(30)).clock(PausedClock::new());
    let registry = Registry::new(template).unwrap();
    let _ = (registry.get("users"), registry.get(NOT_A_TAG));
    let admin = Admin::with_wall_clock(registry.clone(), now).control(|_, _, _| Ok(()));
    (registry, Router::new().nest("/admin", admin.router()))
}

/// The breakers, and the address of their page.
async fn page(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> (Registry, String) {
    let (registry, app) = app(now);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/admin/dashboard", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app).into_future());
    (registry, page)
}

fn row(phase: &str) -> String {
    format!("tr[data-name='users'][data-phase='{phase}']")
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_page_shows_what_happens_and_controls() {
    let (registry, page) = page(SystemTime::now).await;
    let users = registry.get("users");
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&page).await;
    assert_eq!(browser.text(&format!("{} .phase", row("closed"))).await, "closed");
    assert_eq!(browser.text("#connection").await, "live");
    assert_eq!(browser.text("#summary").await, "2 in all, 0 not closed");

    for result in [Ok(()), Err(()), Ok(()), Err(())] {
        let _ = users.call(|| result);
    }
    let shown = browser.text(&row("open")).await;
    assert!(shown.contains("50 % (2 of 4)") && shown.contains("probes in 30.0 s"), "{shown}");
    let entry = browser.text("#log li:first-child").await;
    assert!(entry.ends_with("users: closed → open, failure rate"), "{entry}");
    browser.text(&format!("{} .timeline .closed + .open", row("open"))).await;

    let button = |command| format!("tr[data-name='users'] button[data-command='{command}']");
    browser.click(&button("reset")).await;
    browser.text(&row("closed")).await;
    assert_eq!(users.phase(), Phase::Closed);
    browser.click(&button("half-open")).await;
    let refused = browser.text("#log li.lost").await;
    assert!(
        refused.contains("half-open was refused: a circuit breaker cannot be switched"),
        "{refused}"
    );

    assert_eq!(browser.text("tr:nth-child(1) .name").await, NOT_A_TAG);
    assert_eq!(browser.text("title").await, "Circuit breakers", "a name is not run as code");
    browser.write("#matching", "u*").await;
    browser.text("#breakers tr:first-child[data-name='users']").await;
    assert_eq!(browser.text("#summary").await, "1 in all, 0 not closed");

    browser.text("#every[data-matching='u*']:not([hidden])").await;
    browser.click("#every button[data-command='force-open']").await;
    browser.confirm("force-open: all 1 that match u*?").await;
    browser.text(&row("forced_open")).await;
    assert_eq!(registry.get(NOT_A_TAG).phase(), Phase::Closed);
    registry.get("users").reset();
    browser.text(&row("closed")).await;
    browser.click("#every button[data-command='half-open']").await;
    browser.confirm("half-open: all 1 that match u*?").await;
    let refused = browser.text("#log li.lost:first-child").await;
    assert!(
        refused.contains("users: half-open was refused: a circuit breaker cannot be switched"),
        "{refused}"
    );
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_page_shows_what_has_happened() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let clock = shown.clone();
    let (registry, page) = page(move || {
        let now = SystemTime::now();
        clock.lock().unwrap().push(now);
        now
    })
    .await;
    let users = registry.get("users");
    users.trip();
    users.half_open().unwrap();
    users.disable();

    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&page).await;
    // The breaker did not exist at the left end of the timeline.
    let closed = ".timeline .closed:not([style*='left: 0%'])";
    let timeline = format!("{closed} + .open + .half_open + .disabled:last-child");
    browser.text(&format!("{} {timeline}", row("disabled"))).await;
    for (line, what) in [(1, "half open → disabled"), (2, "open → half open"), (3, "closed → open")]
    {
        let at = humantime::format_rfc3339_millis(shown.lock().unwrap()[4 - line]);
        let line = format!("#log li:nth-child({line}):nth-last-child({})", 4 - line);
        let entry = browser.text(&format!("{line}:has(time[datetime='{at}'])")).await;
        assert!(entry.ends_with(&format!("users: {what}, manual")), "{entry}");
    }

    users.reset();
    browser.text(&format!("{} .disabled + .closed:last-child", row("closed"))).await;
    let entry = browser.text("#log li:first-child:nth-last-child(4)").await;
    assert!(entry.ends_with("users: disabled → closed, manual"), "{entry}");
    browser.close().await;
}

/// A server that drops its connections when it ends.
struct Server {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(address: SocketAddr, app: Router) -> Self {
        let (end, ended) = oneshot::channel();
        let serve = async move {
            let listener = TcpListener::bind(address).await.unwrap();
            tokio::select! {
                served = axum::serve(listener, app) => served.unwrap(),
                _ = ended => {}
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { end, thread: std::thread::spawn(move || runtime.block_on(serve)) }
    }

    fn end(self) {
        self.end.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_page_resumes_where_it_was_cut_off() {
    let (registry, app) = app(SystemTime::now);
    let users = registry.get("users");
    users.trip();
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::start(address, app.clone());

    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&format!("http://{address}/admin/dashboard")).await;
    browser.text(&row("open")).await;
    server.end();
    browser.text("#connection.lost").await;
    users.disable();
    let server = Server::start(address, app);
    let entry = browser.text("#log li:first-child:nth-last-child(2)").await;
    assert!(entry.ends_with("users: open → disabled, manual"), "{entry}");
    assert_eq!(browser.text("#connection:not(.lost)").await, "live");
    browser.close().await;
    server.end();
}
