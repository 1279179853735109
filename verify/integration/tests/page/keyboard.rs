//! The page without a mouse.

use crate::browser::{DOWN, Driver, ENTER, ESCAPE};
use crate::scene::Scene;

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_keyboard_reaches_everything() {
    let scene = Scene::new();
    for name in ["a", "b", "c"] {
        let _ = scene.registry.get(name);
    }
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    browser.text("tr[data-name='c']").await;
    let focused = async || {
        let script = "
            const { textContent, id } = document.activeElement;
            return [getComputedStyle(document.activeElement).outlineStyle, id || textContent]";
        let focused = browser.run(script).await;
        assert_eq!(focused[0], "solid", "focus is visible on {focused}");
        focused[1].as_str().unwrap().to_owned()
    };
    browser.press('j').await;
    assert_eq!(focused().await, "a");
    browser.press('j').await;
    browser.press(DOWN).await;
    assert_eq!(focused().await, "c");
    browser.press('j').await;
    assert_eq!(focused().await, "c", "the last");
    browser.press('k').await;
    assert_eq!(focused().await, "b");

    // It moves up, and the focus goes with it.
    scene.registry.get("b").trip();
    browser.text("#breakers tbody tr:first-child[data-name='b'][data-phase='open']").await;
    assert_eq!(focused().await, "b");

    browser.press(ENTER).await;
    assert_eq!(browser.text("#details[open] h2").await, "b");
    browser.press(ESCAPE).await;
    browser.text("#details:not([open])").await;
    assert_eq!(focused().await, "b");

    browser.press('?').await;
    assert!(browser.text("#help[open] dl").await.contains("/search by name"));
    browser.press('j').await;
    browser.press('g').await;
    browser.press(ESCAPE).await;
    assert_eq!(focused().await, "b", "a dialog has the keys for itself");
    browser.text("#by-breaker[aria-pressed='true']").await;

    browser.press('/').await;
    assert_eq!(focused().await, "matching");
    browser.press('a').await;
    browser.text("#breakers tbody tr:first-child:last-child[data-name='a']").await;
    browser.press(ESCAPE).await;
    browser.press('a').await;
    browser.text("tr[data-name='c']").await;
    browser.press('g').await;
    browser.text("#groups:not([hidden]) tr[data-name='']").await;
    browser.press('j').await;
    assert_eq!(focused().await, "without a group");
    browser.press(ENTER).await;
    browser.text("#breakers:not([hidden]) tr[data-name='c']").await;
    browser.close().await;
}
