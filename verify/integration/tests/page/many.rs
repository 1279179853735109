//! Trouble first, however many breakers there are.

use std::time::Duration;

use serde_json::json;

use crate::browser::Driver;
use crate::scene::Scene;

const NAMES: &str = "
    const table = [...document.querySelectorAll('table')].find(table => !table.hidden);
    return [...table.tBodies[0].rows].map(row => row.dataset.name)";

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn trouble_comes_first() {
    let scene = Scene::new();
    let get = |name: &str| scene.registry.get(name);
    let _ = (get("calm"), get("also calm"));
    get("dry run").metrics_only();
    get("disabled").disable();
    scene.call("strained", 10, 3, 1);
    get("forced open").force_open();
    get("probed").trip();
    get("probed").half_open().unwrap();
    get("open b").trip();
    get("open a").trip();
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    browser.text("tr[data-name='calm']").await;
    let order = json!([
        "open a",
        "open b",
        "probed",
        "forced open",
        "strained",
        "disabled",
        "dry run",
        "also calm",
        "calm"
    ]);
    assert_eq!(browser.run(NAMES).await, order);
    browser.text("tr[data-name='calm'] .timeline .closed:only-child").await;
    browser.shows("#standings .open", "open2").await;
    browser.shows("#standings .strained", "strained1").await;

    get("open a").reset();
    get("calm").trip();
    browser.text("tr[data-name='calm'][data-phase='open']").await;
    let first = browser.run(NAMES).await[0].clone();
    assert_eq!(first, "calm");
    browser.click("#standings .open").await;
    browser.text("#breakers tr:nth-child(2):last-child").await;
    assert_eq!(browser.run(NAMES).await, json!(["calm", "open b"]));
    // The address has it, for others.
    let address = browser.run("return location.href").await;
    browser.open("about:blank").await;
    browser.open(address.as_str().unwrap()).await;
    browser.text("#standings .open[aria-pressed='true']").await;
    browser.text("#breakers tr:nth-child(2):last-child").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn ten_thousand_breakers_are_shown_in_pages_and_groups() {
    let scene = Scene::new();
    let held: Vec<_> =
        (0..10_000).map(|n| scene.registry.get(&format!("tenant-{:02}/{n:05}", n % 20))).collect();
    held[9_999].trip();
    scene.call("tenant-07/05007", 10, 4, 30);
    held[4_444].disable();
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.size(1_360, 860, false).await;
    browser.open(&scene.serve().await).await;
    browser.text("#breakers tbody tr:first-child[data-name='tenant-19/09999']").await;
    let page = async |position: &str| {
        browser.shows("#position", position).await;
        let names = browser.run(NAMES).await;
        serde_json::from_value::<Vec<String>>(names).unwrap()
    };
    let first = page("1–50 of 10,000").await;
    assert_eq!(
        first[..4],
        ["tenant-19/09999", "tenant-07/05007", "tenant-04/04444", "tenant-00/00000"]
    );
    assert_eq!(first.len(), 50);
    browser.picture("ten-thousand").await;

    // It leaves the page, and the dialog goes on.
    browser.click("tr[data-name='tenant-04/04444'] button").await;
    browser.click("#commands button[data-command='reset']").await;
    browser.text("#details[open] .phase.closed").await;
    browser.text("#breakers:not(:has([data-name='tenant-04/04444']))").await;
    held[4_444].trip();
    browser.text("#details[open] .phase.open").await;
    held[4_444].disable();
    browser.text("#details[open] .phase.disabled").await;
    browser.click("#details [data-close]").await;
    page("1–50 of 10,000").await;
    browser.press('n').await;
    let second = page("51–100 of 10,000").await;
    assert!(second.iter().all(|name| !first.contains(name)), "each on one page");
    browser.click("#previous").await;
    page("1–50 of 10,000").await;

    browser.click("#by-group").await;
    let groups = browser.text("#groups:not([hidden]) tr:nth-child(20):last-child").await;
    assert!(groups.contains('/'), "{groups}");
    let groups = browser.run(NAMES).await;
    assert_eq!((&groups[0], &groups[1]), (&json!("tenant-19"), &json!("tenant-07")));
    browser.shows("#groups tr[data-name='tenant-19']", "5001 open, 499 closed").await;
    browser.picture("ten-thousand-in-groups").await;
    browser.click("#groups tr[data-name='tenant-19'] button").await;
    let in_group = page("1–50 of 500").await;
    assert!(in_group.iter().all(|name| name.starts_with("tenant-19/")), "{in_group:?}");
    browser.write("#matching", "*/0999?").await;
    browser.shows("#summary", "1 in all, 1 not closed").await;
    browser.click("#group").await;
    browser.shows("#summary", "10 in all, 1 not closed").await;

    let answers = "
        const answers = performance.getEntriesByType('resource');
        return [answers.length, Math.max(...answers.map(answer => answer.decodedBodySize))]";
    let answers = browser.run(answers).await;
    assert!(answers[0].as_u64().unwrap() > 5, "{answers}");
    let largest = answers[1].as_u64().unwrap();
    assert!((5_000..50_000).contains(&largest), "an answer of {largest} bytes");
    browser.close().await;
}

/// Ten thousand breakers are not read by an open page more than a tenth of the time.
#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn a_slow_server_is_asked_less() {
    let scene = Scene::new();
    let _ = scene.registry.get("users");
    let driver = Driver::start();
    let browser = driver.browser().await;
    let slow = || {
        std::thread::sleep(Duration::from_millis(200));
        std::time::SystemTime::now()
    };
    browser.open(&scene.serve_by(slow).await).await;
    let script = "
        const answers = () => performance.getEntriesByType('resource')
            .filter(answer => answer.name.includes('breakers?'));
        const look = () => answers().length < 3 ? new Promise(done => setTimeout(done, 50)).then(look)
            : answers().map(answer => [answer.startTime, answer.responseEnd]);
        return look()";
    let times: Vec<[f64; 2]> = serde_json::from_value(browser.run(script).await).unwrap();
    for pair in times.windows(2) {
        let (took, pause) = (pair[0][1] - pair[0][0], pair[1][0] - pair[0][1]);
        assert!(pause > 9.0 * took, "{pause} ms after an answer that took {took} ms");
    }
    browser.close().await;
}
