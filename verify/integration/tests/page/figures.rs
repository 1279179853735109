//! The figures of a breaker are right.

use crate::browser::Driver;
use crate::scene::{SECOND, Scene, row};

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn rates_are_those_of_the_calls_that_were_made() {
    let scene = Scene::new();
    let driver = Driver::start();
    let browser = driver.browser().await;
    scene.registry.get("down").trip();
    let _ = scene.registry.get("users");
    browser.open(&scene.serve().await).await;
    browser.shows(&format!("{} .calls .figure", row("closed")), "–").await;

    // Of these the page hears together, when the time has changed.
    scene.call("users", 60, 20, 12);
    scene.call("down", 30, 0, 1);
    browser.run("return refresh()").await;
    scene.pass(10 * SECOND);
    let of = |name: &str, what: &str| format!("tr[data-name='{name}'] {what}");
    browser.shows(&of("users", ".calls .figure"), "6.0").await;
    browser.shows(&of("users", ".calls .failures"), "2.0 failed").await;
    browser.shows(&of("down", ".calls .figure"), "3.0").await;
    browser.shows(&of("down", ".calls .rejections"), "3.0 refused").await;
    let label = browser.run("return document.querySelector('tr[data-name=users] svg').ariaLabel");
    let said = "calls a second: 4.0 succeeded, 2.0 failed, 0.0 refused; at most 6.0 in the last \
                five minutes";
    assert_eq!(label.await, said);
    let heights = "
        const of = outcome => document.querySelector(`tr[data-name=users] .${outcome}`).getBBox();
        return ['successes', 'failures', 'rejections'].map(of)
            .map(({ y, height }) => [y, height].map(Math.round))";
    let stacked = serde_json::json!([[33, 67], [0, 33], [0, 0]]);
    assert_eq!(browser.run(heights).await, stacked, "of the chart, from the top");

    // Nothing more: what is smoothed is over.
    scene.pass(10 * SECOND);
    browser.shows(&of("users", ".calls .figure"), "0.0").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn shares_are_shown_against_what_would_trip() {
    let scene = Scene::new();
    scene.call("users", 60, 20, 12);
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    browser.shows(&row("closed"), "33.3 %").await;
    browser.shows(&row("closed"), "20 of 60, opens at 50 %").await;
    browser.shows(&row("closed"), "near its limit").await;
    let gauge = |of: &str| {
        format!(
            "const gauge = document.querySelector('tr[data-name=users] .{of} .gauge');
             const [filled, mark] = gauge.children;
             return [gauge.className, filled.style.width, mark.style.left]"
        )
    };
    let failed = browser.run(&gauge("failed")).await;
    assert_eq!(failed, serde_json::json!(["gauge near", "33.3%", "50%"]));
    let slow = browser.run(&gauge("slow")).await;
    assert_eq!(slow, serde_json::json!(["gauge", "0%", "80%"]));
    browser.shows(&row("closed"), "12 ms p50").await;

    let few = microbreaker_std::Breaker::builder("few").consecutive_failures(5);
    let few = scene.registry.insert(few.open_for(SECOND).clock(scene.clock.clone())).unwrap();
    few.try_acquire().unwrap().failure();
    let few = "tr[data-name='few']";
    browser.shows(few, "1in a row, opens at 5").await;
    browser.shows(&format!("{few} .slow"), "not watched").await;
    browser.shows(&format!("{few} .took"), "not measured").await;
    let _ = scene.registry.get("idle");
    browser.shows("tr[data-name='idle'] .took", "no calls").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_next_probe_is_counted_down() {
    let scene = Scene::new();
    scene.call("users", 4, 4, 1);
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    let next = format!("{} .next", row("open"));
    browser.shows(&next, "next probe in 30 s").await;
    scene.pass(12 * SECOND);
    browser.shows(&next, "next probe in 18 s").await;
    browser.shows(&row("open"), "for 12 s").await;
    let left =
        browser.run("return document.querySelector('tr[data-name=users] .wait i').style.width");
    assert_eq!(left.await, "60%");
    scene.pass(18 * SECOND);
    browser.shows(&row("half_open"), "0 of 0of 3 probes").await;
    browser.close().await;
}
