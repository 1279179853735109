//! The upstream: one line in, the name of the instance, and one byte out.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task;

/// The answer of a healthy upstream.
pub(crate) const GOOD: u8 = b'+';
const BAD: u8 = b'-';

/// Runs on the executor of the trial.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) addresses: Vec<SocketAddr>,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    fails: bool,
    fails_for: HashSet<String>,
    holds: Duration,
    /// Who failed, and when.
    failures: Vec<(String, u64)>,
    calling: HashMap<u64, String>,
    calls: u64,
    most_at_once: u64,
}

/// Milliseconds: all processes are on this machine.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    now.as_millis() as u64
}

impl Upstream {
    /// At a port of each of these addresses. Within a `LocalSet`.
    pub(crate) async fn start(addresses: &[IpAddr]) -> anyhow::Result<Self> {
        let mut upstream = Self { addresses: Vec::new(), state: Rc::default() };
        for address in addresses {
            let listener = TcpListener::bind((*address, 0)).await?;
            upstream.addresses.push(listener.local_addr()?);
            task::spawn_local(upstream.clone().serve(listener));
        }
        Ok(upstream)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let upstream = self.clone();
            task::spawn_local(async move {
                let mut stream = BufReader::new(stream);
                let mut name = String::new();
                if stream.read_line(&mut name).await.is_ok_and(|length| length > 0) {
                    let answer = upstream.answer(name.trim()).await;
                    let _ = stream.write_all(&[answer]).await;
                }
            });
        }
    }

    async fn answer(&self, name: &str) -> u8 {
        let (call, holds, fails) = {
            let mut state = self.state.borrow_mut();
            state.calls += 1;
            let call = state.calls;
            state.calling.insert(call, name.to_owned());
            state.most_at_once = state.most_at_once.max(state.calling.len() as u64);
            (call, state.holds, state.fails || state.fails_for.contains(name))
        };
        if !holds.is_zero() {
            tokio::time::sleep(holds).await;
        }
        let mut state = self.state.borrow_mut();
        state.calling.remove(&call);
        if fails {
            state.failures.push((name.to_owned(), now()));
        }
        if fails { BAD } else { GOOD }
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.state.borrow_mut().fails = fails;
    }

    pub(crate) fn fail_for(&self, name: &str) {
        self.state.borrow_mut().fails_for.insert(name.to_owned());
    }

    /// Takes this long for an answer from now on.
    pub(crate) fn hold(&self, time: Duration) {
        self.state.borrow_mut().holds = time;
    }

    /// Counts afresh.
    pub(crate) fn forget(&self) {
        let mut state = self.state.borrow_mut();
        state.failures.clear();
        state.most_at_once = 0;
    }

    pub(crate) fn failed(&self) -> u64 {
        self.state.borrow().failures.len() as u64
    }

    pub(crate) fn most_at_once(&self) -> u64 {
        self.state.borrow().most_at_once
    }

    /// Someone whose call is under way.
    pub(crate) fn calling(&self) -> Option<String> {
        self.state.borrow().calling.values().next().cloned()
    }

    /// When `instances` had failed, and `calls` of theirs.
    pub(crate) fn quorum_failed(&self, instances: usize, calls: usize) -> u64 {
        let state = self.state.borrow();
        let mut seen = HashSet::new();
        let mut failures = state.failures.iter().enumerate();
        let met = failures.find(|(n, (name, _))| {
            seen.insert(name.clone());
            seen.len() >= instances && n + 1 >= calls
        });
        met.map_or(u64::MAX, |(_, (_, at))| *at)
    }
}
