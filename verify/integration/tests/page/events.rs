//! What happens shows as it happens, and what has happened.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use axum::Router;
use microbreaker_std::Phase;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::browser::Driver;
use crate::scene::{NOT_A_TAG, Scene, row};

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_page_shows_what_happens_and_controls() {
    let scene = Scene::new();
    let registry = &scene.registry;
    let users = registry.get("users");
    let _ = registry.get(NOT_A_TAG);
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    assert_eq!(browser.text(&format!("{} .phase", row("closed"))).await, "closed");
    assert_eq!(browser.text("#connection").await, "live");
    assert_eq!(browser.text("#summary").await, "2 in all, 0 not closed");

    for result in [Ok(()), Err(()), Ok(()), Err(())] {
        let _ = users.call(|| result);
    }
    let shown = browser.text(&row("open")).await;
    assert!(shown.contains("50 %") && shown.contains("2 of 4, opens at 50 %"), "{shown}");
    assert!(shown.contains("next probe in 30 s"), "{shown}");
    let entry = browser.text("#log li:first-child").await;
    assert!(entry.ends_with("users: closed → open, failure rate"), "{entry}");
    browser.text(&format!("{} .timeline .closed + .open", row("open"))).await;

    let button = |command| format!("#commands button[data-command='{command}']");
    browser.click(&format!("{} .name button", row("open"))).await;
    assert_eq!(browser.text("#details[open] h2").await, "users");
    browser.shows("#details-settings", "open for30s").await;
    browser.shows("#details-counts", "successes2failures2").await;
    browser.click(&button("reset")).await;
    browser.text("#details .phase.closed").await;
    assert_eq!(users.phase(), Phase::Closed);
    browser.click(&button("half-open")).await;
    let refused = browser.text("#log li.lost").await;
    assert!(
        refused.contains("half-open was refused: a circuit breaker cannot be switched"),
        "{refused}"
    );

    browser.click("#details [data-close]").await;

    assert_eq!(browser.text("tr:nth-child(1) .name").await, NOT_A_TAG);
    browser.click("tr:nth-child(1) .name button").await;
    assert_eq!(browser.text("#details[open] h2").await, NOT_A_TAG);
    browser.click("#details [data-close]").await;
    assert_eq!(browser.text("title").await, "Circuit breakers", "a name is not run as code");
    browser.write("#matching", "u*").await;
    browser.text("#breakers tbody tr:first-child:last-child[data-name='users']").await;
    assert_eq!(browser.text("#summary").await, "1 in all, 0 not closed");

    browser.text("#every[data-matching='u*'][data-count='1']:not([hidden])").await;
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
    let scene = Scene::new();
    let page = scene.serve_by(move || {
        let now = SystemTime::now();
        clock.lock().unwrap().push(now);
        now
    });
    let page = page.await;
    let users = scene.registry.get("users");
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
    let scene = Scene::new();
    let app = scene.app(SystemTime::now);
    let users = scene.registry.get("users");
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
