//! A headless Chromium, controlled by the WebDriver protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Notes what the policy of the page has refused, and what its scripts did not catch.
const WATCH: &str = "
    window.mistakes = [];
    addEventListener('securitypolicyviolation', ({ effectiveDirective: of, blockedURI: it }) =>
        mistakes.push(`${of} refuses ${it}`));
    addEventListener('error', ({ message }) => mistakes.push(message));
    addEventListener('unhandledrejection', ({ reason }) => mistakes.push(`${reason}`));";

/// Chromium's driver, stopped when this is dropped.
pub(crate) struct Driver {
    process: Child,
    port: String,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
        let mut process = driver.expect("chromedriver is installed");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver prints its port");
        Self { process, port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Tells the driver to end, and its browser with it.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.address())?;
        stream
            .write_all(b"GET /shutdown HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    }

    pub(crate) async fn browser(&self) -> Browser {
        let directory = env!("CARGO_TARGET_TMPDIR");
        let profile = format!("{directory}/page-{}-{}", std::process::id(), self.port);
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            format!("--user-data-dir={profile}"),
        ] });
        let wanted = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        // Ignores the environment's proxies: the driver is on this host.
        let client = Client::builder().no_proxy().build().unwrap();
        let mut browser = Browser { client, session: format!("http://{}/session", self.address()) };
        let session = browser.tell(Method::POST, "", json!({ "capabilities": wanted })).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        let watch = json!({ "source": WATCH });
        browser.developer("Page.addScriptToEvaluateOnNewDocument", watch).await;
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Killing the driver would leave its browser behind.
        if self.shut_down().is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Keys without a character, as WebDriver names them.
pub(crate) const DOWN: char = '\u{e015}';
pub(crate) const ENTER: char = '\u{e007}';
pub(crate) const ESCAPE: char = '\u{e00c}';

pub(crate) struct Browser {
    client: Client,
    session: String,
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.tell(Method::POST, "/url", json!({ "url": url })).await;
    }

    /// The text of the element that `css` selects, now or within 30 seconds; spaces are
    /// ordinary ones.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = "
            const [css, done] = arguments;
            const look = () => {
                const found = document.querySelector(css);
                found ? done(found.textContent.replaceAll('\u{a0}', ' ')) : setTimeout(look, 20);
            };
            look();";
        let script = json!({ "script": script, "args": [css] });
        let text = self.tell(Method::POST, "/execute/async", script).await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until the element that `css` selects has this text in its own, for 20 seconds.
    pub(crate) async fn shows(&self, css: &str, text: &str) {
        let script = "
            const [css, text, done] = arguments, until = Date.now() + 20_000;
            const look = () => {
                const shown = document.querySelector(css)?.textContent.replaceAll('\u{a0}', ' ');
                if (shown?.includes(text) || Date.now() > until) done(shown ?? null);
                else setTimeout(look, 20);
            };
            look();";
        let script = json!({ "script": script, "args": [css, text] });
        let shown = self.tell(Method::POST, "/execute/async", script).await;
        assert!(shown.as_str().is_some_and(|shown| shown.contains(text)), "{css}: {shown}, {text}");
    }

    /// What `script` returns, or what the promise does that it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.tell(Method::POST, "/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Presses a key, one of `DOWN`, `ENTER` and `ESCAPE`, or a character.
    pub(crate) async fn press(&self, key: char) {
        let [down, up] = ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let keys = json!([{ "type": "key", "id": "keyboard", "actions": [down, up] }]);
        self.tell(Method::POST, "/actions", json!({ "actions": keys })).await;
    }

    /// Lets the page think that the user prefers this.
    pub(crate) async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({ "features": [{ "name": feature, "value": value }] });
        self.developer("Emulation.setEmulatedMedia", features).await;
    }

    /// A window of this many pixels.
    pub(crate) async fn size(&self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone
        });
        self.developer("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Saves what is seen into `target/tmp/page`, for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.developer("Page.captureScreenshot", json!({ "format": "png" })).await;
        let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/page");
        std::fs::create_dir_all(directory).unwrap();
        let picture = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(format!("{directory}/{name}.png"), picture).unwrap();
    }

    async fn developer(&self, command: &str, parameters: Value) -> Value {
        let what = json!({ "cmd": command, "params": parameters });
        self.tell(Method::POST, "/goog/cdp/execute", what).await
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.tell(Method::POST, &format!("{element}/click"), json!({})).await;
    }

    pub(crate) async fn write(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.tell(Method::POST, &format!("{element}/value"), json!({ "text": text })).await;
    }

    /// Accepts the page's confirmation dialog.
    pub(crate) async fn confirm(&self, question: &str) {
        assert_eq!(self.tell(Method::GET, "/alert/text", json!({})).await, question);
        self.tell(Method::POST, "/alert/accept", json!({})).await;
    }

    /// Closes it, and fails if there was a mistake on the page.
    pub(crate) async fn close(self) {
        assert_eq!(self.run("return mistakes").await, json!([]));
        self.tell(Method::DELETE, "", json!({})).await;
    }

    async fn element(&self, css: &str) -> String {
        let by_css = json!({ "using": "css selector", "value": css });
        let found = self.tell(Method::POST, "/element", by_css).await;
        let (_, id) = found.as_object().unwrap().iter().next().unwrap();
        format!("/element/{}", id.as_str().unwrap())
    }

    async fn tell(&self, method: Method, path: &str, what: Value) -> Value {
        let url = format!("{}{path}", self.session);
        let request = self.client.request(method, url).body(what.to_string());
        let answer = request.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path} {what}: {value}");
        value
    }
}
