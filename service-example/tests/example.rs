//! The example `service` of microbreaker-std, run as a process in front of two hosts that go
//! wrong in every way: what its users get, and what its breakers do.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use microbreaker_service_example::upstream::{Fault, Upstream};
use reqwest::{Client, Response};
use serde_json::Value;

const SOURCE: &str = include_str!("../../std-adapter/examples/service.rs");

const SETTINGS: &str = r#"
    [defaults]
    consecutive_failures = 3
    slow_rate = 50
    slow_after = "100ms"
    min_calls = 3
    last_calls = 10
    open_for = "1m"
    critical = true

    [profiles.test.defaults]
    open_for = "30s"
"#;

/// Longer than the settings call slow, and shorter than the time limit of an attempt.
const SLOW: Duration = Duration::from_millis(300);

/// Each with the longest wait, in seconds, until a host that has it may be asked again.
const FAULTS: [(Fault, u64); 7] = [
    (Fault::Errors, 30),
    (Fault::Slow(SLOW), 30),
    (Fault::Hangs, 30),
    (Fault::Refuses, 30),
    (Fault::TooMany(120), 120),
    (Fault::BreaksOff, 30),
    (Fault::Grpc(14), 30),
];

/// The program, built on first use: tests of one package do not build another one's examples.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--message-format", "json", "-p", "microbreaker-std"])
            .args(["--all-features", "--example", "service"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "the example does not build");
        let lines = String::from_utf8(built.stdout).unwrap();
        let messages = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut executables = messages.filter_map(|it| Some(it["executable"].as_str()?.into()));
        executables.next_back().expect("cargo names what it has built")
    })
}

/// The service in front of two hosts. Killed when it is dropped.
struct Service {
    process: Child,
    url: String,
    client: Client,
    settings: PathBuf,
    hosts: [Upstream; 2],
}

/// What a user gets: the status, the text, and when to try again.
type Answer = (u16, String, Option<String>);

fn rate() -> Answer {
    (200, "1.0830".to_owned(), None)
}

impl Service {
    async fn start(test: &str) -> Self {
        Self::start_with(test, SETTINGS, "test").await
    }

    async fn start_with(test: &str, text: &str, profile: &str) -> Self {
        let hosts = [Upstream::start().await.unwrap(), Upstream::start().await.unwrap()];
        let settings = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
        fs::write(&settings, text).unwrap();
        let log = File::create(settings.with_extension("log")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new(program())
            .args(hosts.iter().map(|host| host.address().to_string()))
            .env("SETTINGS", &settings)
            .env("PROFILE", profile)
            .env("LISTEN", address.to_string())
            // The hosts are on this machine.
            .env("NO_PROXY", "*")
            .stdout(log)
            .spawn()
            .unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}");
        let deadline = Instant::now() + Duration::from_secs(20);
        while client.get(format!("{url}/admin/ready")).send().await.is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "the service has ended");
            assert!(Instant::now() < deadline, "the service does not listen on {address}");
            tokio::task::yield_now().await;
        }
        Self { process, url, client, settings, hosts }
    }

    async fn send(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn get(&self) -> Answer {
        let response = self.send("/rate").await;
        let wait = response.headers().get("retry-after");
        let wait = wait.map(|wait| wait.to_str().unwrap().to_owned());
        (response.status().as_u16(), response.text().await.unwrap(), wait)
    }

    async fn fail(&mut self, faults: [Fault; 2]) {
        for (host, fault) in self.hosts.iter_mut().zip(faults) {
            host.set(fault).await.unwrap();
        }
    }

    /// The breaker of a host, as the admin routes show it.
    async fn breaker(&self, host: usize) -> Value {
        let name = self.hosts[host].address().to_string().replace(':', "%3A");
        let response = self.send(&format!("/admin/breakers/{name}")).await;
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    async fn phase(&self, host: usize) -> String {
        self.breaker(host).await["phase"].as_str().unwrap().to_owned()
    }

    fn asked(&self) -> [u64; 2] {
        self.hosts.each_ref().map(Upstream::asked)
    }

    /// What it has logged.
    fn log(&self) -> String {
        fs::read_to_string(self.settings.with_extension("log")).unwrap()
    }

    /// Waits until the service has done what it does in the background.
    async fn until(&self, is_done: impl AsyncFn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_done(self).await {
            assert!(Instant::now() < deadline, "it does not happen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Checks that the breaker of `host` is open for `seconds` at most, and not much less.
async fn is_open(service: &Service, host: usize, fault: Fault, seconds: u64) {
    let breaker = service.breaker(host).await;
    assert_eq!(breaker["phase"], "open", "{fault:?}");
    let wait = breaker["retry_after_ms"].as_u64().unwrap();
    assert!((seconds - 20..=seconds).contains(&wait.div_ceil(1_000)), "{fault:?}: {wait} ms");
}

#[tokio::test]
async fn users_notice_nothing_while_one_of_two_hosts_goes_wrong() {
    for (fault, seconds) in FAULTS {
        let mut service = Service::start("one").await;
        service.fail([fault, Fault::None]).await;
        let mut asked = 0;
        while service.phase(0).await == "closed" {
            assert_eq!(service.get().await, rate(), "{fault:?}");
            asked += 1;
            assert!(asked <= 8, "{fault:?}: every second of them asked the bad host first");
        }
        is_open(&service, 0, fault, seconds).await;
        let before = service.asked();
        for _ in 0..10 {
            assert_eq!(service.get().await, rate(), "{fault:?}");
        }
        assert_eq!(service.asked(), [before[0], before[1] + 10], "{fault:?}");
        assert_eq!(service.phase(1).await, "closed", "{fault:?}");
    }
}

#[tokio::test]
async fn users_get_the_last_answer_while_both_hosts_go_wrong() {
    for (fault, seconds) in FAULTS {
        let mut service = Service::start("both").await;
        assert_eq!(service.get().await, rate());
        assert_eq!(service.send("/admin/ready").await.status().as_u16(), 200);
        service.fail([fault; 2]).await;
        let mut asked = 0;
        while service.phase(0).await == "closed" || service.phase(1).await == "closed" {
            assert_eq!(service.get().await, rate(), "{fault:?}");
            asked += 1;
            assert!(asked <= 8, "{fault:?}: each of them asked both hosts, or is slow");
        }
        for host in 0..2 {
            is_open(&service, host, fault, seconds).await;
        }
        let before = service.asked();
        for _ in 0..10 {
            assert_eq!(service.get().await, rate(), "{fault:?}");
        }
        assert_eq!(service.asked(), before, "{fault:?}: nothing is sent while both are open");
        assert_eq!(service.send("/admin/ready").await.status().as_u16(), 503);
    }
}

#[tokio::test]
async fn without_a_last_answer_users_are_told_when_to_try_again() {
    let mut service = Service::start("none").await;
    service.fail([Fault::TooMany(120); 2]).await;
    let (status, _, wait) = service.get().await;
    assert_eq!((status, wait.as_deref()), (429, Some("120")), "the upstream's own answer");
    let (status, _, wait) = service.get().await;
    let wait: u64 = wait.unwrap().parse().unwrap();
    assert!(status == 503 && (100..=120).contains(&wait), "{status}, {wait}");

    let mut service = Service::start("none").await;
    service.fail([Fault::Refuses; 2]).await;
    assert_eq!(service.get().await, (502, "the upstream failed\n".to_owned(), None));
}

#[tokio::test]
async fn settings_are_applied_when_the_file_changes_unless_they_are_wrong() {
    let service = Service::start("settings").await;
    let open_for =
        async |service: &Service| service.breaker(0).await["settings"]["open_for"].clone();
    assert_eq!(open_for(&service).await, "30s", "the profile's");
    let write = |to: &str| fs::write(&service.settings, SETTINGS.replace("30s", to)).unwrap();
    write("45s");
    service.until(async |service| open_for(service).await == "45s").await;
    write("tomorrow");
    service.until(async |service| service.log().contains("tomorrow")).await;
    assert_eq!(open_for(&service).await, "45s");
}

#[tokio::test]
async fn its_own_settings_have_profiles() {
    const OWN: &str = include_str!("../../std-adapter/examples/service.toml");
    let service = Service::start_with("production", OWN, "production").await;
    assert_eq!(service.breaker(0).await["settings"]["min_calls"], 50);
    let service = Service::start_with("staging", OWN, "staging").await;
    assert_eq!(service.phase(0).await, "metrics_only");
}

#[tokio::test]
async fn operators_see_what_happens() {
    let service = Service::start("operators").await;
    assert_eq!(service.get().await, rate());
    let page = service.send("/admin/dashboard").await.text().await.unwrap();
    assert!(page.contains("<title>"), "{page}");
    let metrics = service.send("/metrics").await.text().await.unwrap();
    let host = service.hosts[0].address();
    let calls = format!(r#"microbreaker_calls_total{{breaker="{host}",outcome="success"}} 1"#);
    assert!(metrics.contains(&calls), "{metrics}");
}

#[test]
fn it_takes_at_most_50_lines() {
    let lines = SOURCE.lines().filter(|line| !line.trim_start().starts_with("//"));
    assert!(lines.count() <= 50);
}
