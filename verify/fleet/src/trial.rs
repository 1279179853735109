//! Processes, and what they say.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::server::Server;
use crate::upstream::Upstream;

#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) together: bool,
    /// Between two calls of a task.
    pub(crate) pause: Duration,
    pub(crate) open_for: Duration,
    pub(crate) interval: Duration,
    pub(crate) tasks: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            together: true,
            pause: Duration::from_secs(1),
            open_for: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            tasks: 1,
        }
    }
}

pub(crate) struct Fleet {
    pub(crate) upstream: Upstream,
    pub(crate) server: Server,
    setup: Setup,
    instances: Vec<Instance>,
    started: usize,
}

struct Instance {
    name: String,
    process: Child,
    questions: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Fleet {
    pub(crate) async fn start(count: usize, setup: &Setup) -> anyhow::Result<Self> {
        let server = Server::start().await?;
        let upstream = Upstream::start().await?;
        let instances = Vec::new();
        let mut fleet = Self { upstream, server, setup: setup.clone(), instances, started: 0 };
        for n in 0..count {
            let instance = fleet.instance(n.to_string()).await?;
            fleet.instances.push(instance);
        }
        for instance in &mut fleet.instances {
            instance.line(Duration::from_secs(60), |line| line == "ready").await?;
        }
        Ok(fleet)
    }

    async fn instance(&mut self, name: String) -> anyhow::Result<Instance> {
        let Setup { together, pause, open_for, interval, tasks } = &self.setup;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["instance", &name, &self.upstream.port.to_string(), &self.server.url()])
            .arg(together.to_string())
            .args([pause, open_for, interval].map(|time| time.as_millis().to_string()))
            .arg(tasks.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        self.started += 1;
        let questions = process.stdin.take().context("it is piped")?;
        let lines = BufReader::new(process.stdout.take().context("it is piped")?).lines();
        Ok(Instance { name, process, questions, lines })
    }

    /// Lets each make calls, and hear of the fleet.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(
            self.setup.pause.max(self.setup.interval * 2) + Duration::from_millis(500),
        )
        .await;
        self.upstream.forget();
        Ok(())
    }

    /// Kills the instance of that name in the middle of what it does, and starts another.
    pub(crate) async fn replace(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(place) = self.instances.iter().position(|instance| instance.name == name) else {
            return Ok(());
        };
        self.instances[place].process.kill().await?;
        let first = name.split('.').next().unwrap_or(name).to_owned();
        let new = self.instance(format!("{first}.{}", self.started)).await?;
        self.instances[place] = new;
        Ok(())
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
