//! What the page looks like: dark and light, on a phone, and what its policy allows.

use serde_json::json;

use crate::browser::{Browser, Driver};
use crate::scene::{SECOND, Scene};

/// A service in the middle of an incident, five minutes of it.
async fn incident(scene: &Scene, browser: &Browser) {
    for step in 0..60_u32 {
        let bad = (30..42).contains(&step) || step > 50;
        scene.call("payments/authorise", 180 + step % 7 * 9, if bad { 160 } else { 2 }, 84);
        scene.call("payments/refund", 24 + step % 5, u32::from(step % 3 == 0), 140);
        scene.call("search/suggest", 420 + step % 11 * 12, 140 + step % 9, 31);
        scene.call("inventory/stock", 60 + step % 4 * 3, 0, 9);
        scene.call("mail/send", 12 + step % 6, u32::from(step == 20), 610);
        if step == 12 {
            scene.registry.get("recommendations").force_open();
        }
        scene.call("recommendations", 30, 0, 45);
        scene.call("users/profile", 95 + step % 8 * 4, 1, 18);
        scene.pass(5 * SECOND);
        browser.run("return refresh()").await;
    }
    browser.run("return refresh()").await;
}

async fn shown(scene: &Scene, browser: &Browser) {
    for name in ["audit", "geo/lookup"] {
        let _ = scene.registry.get(name);
    }
    scene.registry.get("audit").disable();
    scene.registry.get("geo/lookup").metrics_only();
    browser.open(&scene.serve().await).await;
    browser.text("tr[data-name='audit']").await;
    incident(scene, browser).await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn it_is_readable_in_light_and_dark() {
    let scene = Scene::new();
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.size(1_360, 900, false).await;
    shown(&scene, &browser).await;
    for (scheme, is_dark) in [("light", false), ("dark", true)] {
        browser.prefer("prefers-color-scheme", scheme).await;
        let background =
            browser.run("return getComputedStyle(document.body).backgroundColor").await;
        let brightness = background.as_str().unwrap().trim_start_matches("rgb(").split(',').next();
        let brightness: u32 = brightness.unwrap().parse().unwrap();
        assert_eq!(brightness < 128, is_dark, "{background}");
        // By WCAG 2, 4.5 is enough for text.
        let contrasts = "
            const parts = color => color.match(/[\\d.]+/g).map(Number);
            const light = color => parts(color).slice(0, 3).map(part => part / 255)
                .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
                .reduce((sum, part, i) => sum + part * [.2126, .7152, .0722][i], 0);
            const behind = element => {
                const color = getComputedStyle(element).backgroundColor;
                const isClear = color.startsWith('color(') || parts(color)[3] === 0;
                return isClear ? behind(element.parentElement) : color;
            };
            const texts = 'h1, header p, button, th, .phase, .figure, small, .is, strong, .quiet, #log li';
            return [...document.querySelectorAll(texts)].filter(it => it.checkVisibility())
                .map(it => {
                    const [a, b] = [light(getComputedStyle(it).color), light(behind(it))];
                    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
                    return [contrast, it.className, it.textContent];
                }).filter(([contrast]) => contrast < 4.5)";
        assert_eq!(browser.run(contrasts).await, json!([]), "{scheme}");
        browser.picture(scheme).await;
    }
    browser.click("tr[data-name='payments/authorise'] .name button").await;
    browser.shows("#details-settings", "failure rate50").await;
    browser.picture("details-dark").await;
    browser.prefer("prefers-color-scheme", "light").await;
    browser.picture("details").await;

    let moving = browser.run("return document.getAnimations().length").await;
    assert_eq!(moving, 0, "nothing moves by itself, whatever the user prefers");
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn a_phone_needs_no_scrolling_sideways() {
    let scene = Scene::new();
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.size(375, 812, true).await;
    let long = "x".repeat(256);
    scene.registry.get(&long).trip();
    shown(&scene, &browser).await;
    let fits = async |what: &str| {
        let widths = "
            const { scrollWidth, clientWidth } = document.documentElement;
            return scrollWidth - clientWidth";
        assert_eq!(browser.run(widths).await, 0, "{what}");
    };
    fits("breakers").await;
    for width in [640, 800, 1_120, 1_280, 1_440] {
        browser.size(width, 812, false).await;
        fits(&format!("{width} pixels")).await;
        browser.picture(&format!("width-{width}")).await;
    }
    browser.size(375, 812, true).await;
    let chart = "return document.querySelector('.lately svg').getBoundingClientRect().width";
    assert!(browser.run(chart).await.as_f64().unwrap() > 300.0, "a row is a card");
    let targets = "
        return [...document.querySelectorAll('button')].filter(it => it.checkVisibility())
            .map(it => [it.getBoundingClientRect().height, it.textContent])
            .filter(([height]) => height < 24)";
    assert_eq!(browser.run(targets).await, json!([]), "as large as a finger, by WCAG 2.2");
    browser.picture("phone").await;
    browser.prefer("prefers-color-scheme", "dark").await;
    browser.picture("phone-dark").await;
    browser.click("tr[data-name='search/suggest'] .name button").await;
    browser.shows("#details-settings", "failure rate50").await;
    fits("details").await;
    browser.picture("phone-details").await;
    browser.click("#details [data-close]").await;
    browser.click("#by-group").await;
    browser.text("#groups:not([hidden]) tr[data-name='payments']").await;
    fits("groups").await;
    browser.picture("phone-groups").await;
    browser.close().await;
}

/// Each test ends by looking for mistakes, which include what the policy has refused.
#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn the_policy_refuses_what_is_from_outside() {
    let scene = Scene::new();
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    browser.text("#connection").await;
    assert_eq!(browser.run("return mistakes").await, json!([]));
    let refused = "
        document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:1/x.png' }));
        const look = () => mistakes.length > 0 ? mistakes.splice(0)
            : new Promise(done => setTimeout(done, 20)).then(look);
        return look()";
    let refused = browser.run(refused).await;
    assert_eq!(refused, json!(["img-src refuses http://127.0.0.1:1/x.png"]));
    browser.close().await;
}
