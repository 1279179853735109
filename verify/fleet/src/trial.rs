//! Processes, and what they say.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::instance::{Orders, Setup};
use crate::network::Network;
use crate::proxy::{Proxy, Way};
use crate::server::Server;
use crate::upstream::Upstream;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) struct Fleet {
    pub(crate) upstream: Upstream,
    pub(crate) server: Server,
    /// The ways to the server, of which the instances take one by turns.
    ways: Vec<Proxy>,
    /// In which those are that take the second way.
    network: Option<Network>,
    pub(crate) setup: Setup,
    instances: Vec<Instance>,
    started: u32,
}

struct Instance {
    name: String,
    process: Child,
    fork: Option<u32>,
    questions: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Fleet {
    pub(crate) async fn start(count: usize, setup: &Setup) -> anyhow::Result<Self> {
        let server = Server::start().await?;
        Self::start_on(server, Vec::new(), None, count, setup).await
    }

    /// Every other instance takes another way to the server; in a network of its own, if
    /// this machine allows it.
    pub(crate) async fn start_on_two_ways(count: usize, setup: &Setup) -> anyhow::Result<Self> {
        let server = Server::start_with_clock().await?;
        let network = match Network::new() {
            Ok(network) => Some(network),
            Err(error) => {
                println!("no network namespaces, so a proxy does the cutting: {error:#}");
                None
            }
        };
        let second = network.as_ref().map_or(LOCAL, |_| Network::STORE);
        let ways =
            vec![Proxy::start(LOCAL, server.port).await?, Proxy::start(second, server.port).await?];
        Self::start_on(server, ways, network, count, setup).await
    }

    async fn start_on(
        server: Server,
        ways: Vec<Proxy>,
        network: Option<Network>,
        count: usize,
        setup: &Setup,
    ) -> anyhow::Result<Self> {
        let upstream = match network {
            Some(_) => Upstream::start(&[LOCAL, Network::UPSTREAM]).await?,
            None => Upstream::start(&[LOCAL]).await?,
        };
        let (setup, instances) = (setup.clone(), Vec::new());
        let mut fleet = Self { upstream, server, ways, network, setup, instances, started: 0 };
        for n in 0..count {
            let instance = fleet.instance(n.to_string(), n).await?;
            fleet.instances.push(instance);
        }
        for instance in &mut fleet.instances {
            instance.is_ready().await?;
        }
        Ok(fleet)
    }

    async fn instance(&mut self, name: String, place: usize) -> anyhow::Result<Instance> {
        let program = std::env::current_exe()?;
        let way = place % 2;
        let store = self.ways.get(way).map_or((LOCAL, self.server.port).into(), Proxy::address);
        let mut upstream = self.upstream.addresses[0];
        let mut command = Command::new(&program);
        if let (Some(network), 1) = (&self.network, way) {
            command = Command::new("ip");
            command.args(["netns", "exec", &network.name]).arg(&program);
            upstream = self.upstream.addresses[1];
        }
        let (number, url) = (place as u32, Server::url_at(store));
        let orders =
            Orders { number, name: name.clone(), upstream, url, setup: self.setup.clone() };
        let mut process = command
            .args(["instance", &serde_json::to_string(&orders)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        self.started += 1;
        let questions = process.stdin.take().context("it is piped")?;
        let lines = BufReader::new(process.stdout.take().context("it is piped")?).lines();
        Ok(Instance { name, process, fork: None, questions, lines })
    }

    pub(crate) fn set_ways(&self, way: Way) -> anyhow::Result<()> {
        self.ways.iter().for_each(|proxy| proxy.set(way));
        Ok(())
    }

    /// Cuts the second way, or joins it again.
    pub(crate) fn cut(&self, cut: bool) -> anyhow::Result<()> {
        if let Some(network) = &self.network {
            return network.cut(cut);
        }
        self.ways[1].set(if cut { Way::Cut } else { Way::Open });
        Ok(())
    }

    /// Lets each make calls, and hear of the fleet.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(self.setup.pause + Duration::from_millis(200)).await;
        let time = Duration::from_secs(20);
        let (_, missing) = self.until("served", time, |_, served| served > 0).await?;
        anyhow::ensure!(missing == 0, "{missing} instances make no calls");
        if self.setup.together {
            let (_, missing) = self.until("silent", time, |_, silent| silent == 0).await?;
            anyhow::ensure!(missing == 0, "{missing} instances do not hear of the fleet");
        }
        self.upstream.forget();
        Ok(())
    }

    /// Kills the process of that name in the middle of what it does, and starts another.
    /// Returns whether there was one.
    pub(crate) async fn replace(&mut self, name: &str) -> anyhow::Result<bool> {
        let first = name.trim_end_matches("/fork");
        let Some(place) = self.instances.iter().position(|instance| instance.name == first) else {
            return Ok(false);
        };
        let instance = &mut self.instances[place];
        if let (true, Some(fork)) = (name.ends_with("/fork"), instance.fork) {
            signal("KILL", fork)?;
        }
        instance.process.kill().await?;
        let number = first.split('.').next().unwrap_or(first);
        let name = format!("{number}.{}", self.started);
        let mut new = self.instance(name, place).await?;
        new.is_ready().await?;
        self.instances[place] = new;
        Ok(true)
    }

    /// Waits until each has printed a line that `is`, and returns the numbers in these.
    pub(crate) async fn until_all(
        &mut self,
        time: Duration,
        is: fn(&str) -> bool,
    ) -> anyhow::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for instance in &mut self.instances {
            let line = instance.line(time, is).await?;
            numbers.push(line.split(' ').nth(1).context("no number")?.parse()?);
        }
        Ok(numbers)
    }

    /// Asks until the answer of each is `met`, for at most `time`. Returns how long that
    /// took, and for how many it is not.
    pub(crate) async fn until(
        &mut self,
        question: &str,
        time: Duration,
        met: impl Fn(usize, u64) -> bool,
    ) -> anyhow::Result<(Duration, usize)> {
        let start = Instant::now();
        loop {
            let answers = self.ask_all(question).await?;
            let took = start.elapsed();
            let missing =
                answers.iter().enumerate().filter(|&(n, &answer)| !met(n, answer)).count();
            if missing == 0 || took > time {
                return Ok((took, missing));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn ask_all(&mut self, question: &str) -> anyhow::Result<Vec<u64>> {
        let mut answers = Vec::new();
        for instance in &mut self.instances {
            instance.questions.write_all(format!("{question}\n").as_bytes()).await?;
            let line =
                instance.line(Duration::from_secs(20), |line| line.starts_with("answer ")).await?;
            answers.push(line["answer ".len()..].parse()?);
        }
        Ok(answers)
    }

    pub(crate) async fn sum(&mut self, question: &str) -> anyhow::Result<u64> {
        Ok(self.ask_all(question).await?.iter().sum())
    }
}

impl Instance {
    async fn is_ready(&mut self) -> anyhow::Result<()> {
        loop {
            let either = |line: &str| line == "ready" || line.starts_with("fork ");
            let line = self.line(Duration::from_secs(60), either).await?;
            match line.strip_prefix("fork ") {
                Some(fork) => self.fork = Some(fork.parse()?),
                None => return Ok(()),
            }
        }
    }

    async fn line(&mut self, time: Duration, is: fn(&str) -> bool) -> anyhow::Result<String> {
        let wanted = async {
            loop {
                match self.lines.next_line().await? {
                    Some(line) if is(&line) => return anyhow::Ok(line),
                    Some(_) => {}
                    None => anyhow::bail!("it has ended"),
                }
            }
        };
        let line = timeout(time, wanted).await;
        line.with_context(|| format!("instance {} said nothing in {time:?}", self.name))?
    }
}

pub(crate) fn signal(signal: &str, process: u32) -> anyhow::Result<()> {
    let process = process.to_string();
    let arguments = [&format!("-{signal}"), &process];
    let status = std::process::Command::new("kill").args(arguments).status()?;
    anyhow::ensure!(status.success(), "kill -{signal} {process}: {status}");
    Ok(())
}
