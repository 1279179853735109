//! What the page shows of a fleet.

use std::sync::atomic::Ordering;

use axum::Router;
use microbreaker_std::Outcome;
use microbreaker_std::admin::Admin;
use tokio::net::TcpListener;

use crate::browser::Driver;
use crate::rig::flaky::Flaky;
use crate::rig::{Instance, World, exchange, meet, template};
use crate::scene::row;

async fn serve(instance: &Instance) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let page = format!("http://{}/admin/dashboard", listener.local_addr().unwrap());
    let app = Router::new().nest("/admin", Admin::new(instance.registry.clone()).router());
    tokio::spawn(axum::serve(listener, app).into_future());
    page
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn a_row_tells_what_the_other_instances_see_and_its_details_tell_all() {
    let world = World::new();
    let store = Flaky::new(world.store.clone());
    let names = ["a", "b", "c"];
    let instances = names.map(|name| world.instance_on(name, template(), store.clone()));
    meet(&world, &instances);
    instances[0].fails(4);
    assert!(instances[1].call(Outcome::Success) && instances[2].call(Outcome::Success));
    exchange(&instances);
    exchange(&instances);
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.size(1_360, 900, false).await;
    browser.open(&serve(&instances[1]).await).await;
    browser.shows(&row("closed"), "1 of 3 instances see it failing").await;
    browser.click("tr[data-name='users'] button").await;
    let details = "#details-fleet dl";
    for part in ["see it work2", "see it fail1", "storeup", "exchanges3"] {
        browser.shows(details, part).await;
    }
    browser.picture("fleet").await;

    store.refuses.store(true, Ordering::Relaxed);
    for _ in 0..4 {
        world.pass(crate::rig::SECOND);
        let _ = instances[1].try_exchange();
    }
    browser.shows(details, "heardtoo long ago").await;
    browser.shows(details, "failed4").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask page"]
async fn without_a_fleet_the_details_say_nothing_of_one() {
    let scene = crate::scene::Scene::new();
    let _ = scene.registry.get("users");
    let driver = Driver::start();
    let browser = driver.browser().await;
    browser.open(&scene.serve().await).await;
    browser.text(&row("closed")).await;
    browser.click("tr[data-name='users'] button").await;
    browser.shows("#details-settings", "open for").await;
    assert_eq!(browser.run("return document.querySelector('#details-fleet').hidden").await, true);
    browser.close().await;
}
