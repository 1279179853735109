//! A network of its own for some of the instances. The store and the upstream are at
//! addresses that it reaches by two links, of which one can be cut.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::Context as _;

/// Addresses for tests of networks, of which each link has four.
const STORE: &str = "198.18.119.0/30";
const UPSTREAM: &str = "198.18.119.4/30";

pub(crate) struct Network {
    pub(crate) name: String,
    /// Our end of the link to the store.
    link: String,
}

impl Network {
    pub(crate) const STORE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 119, 1));
    pub(crate) const UPSTREAM: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 119, 5));

    /// # Errors
    ///
    /// If this machine, or this user, may not.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let process = std::process::id();
        let (name, link) = (format!("microbreaker-{process}"), format!("mbs{process}"));
        ip(&format!("netns add {name}"))?;
        let network = Self { name, link };
        let Self { name, link } = &network;
        let upstream = format!("mbu{process}");
        for (link, inside, ours, theirs) in
            [(link, "store", "119.1", "119.2"), (&upstream, "upstream", "119.5", "119.6")]
        {
            ip(&format!("link add {link} type veth peer name {inside} netns {name}"))?;
            ip(&format!("addr add 198.18.{ours}/30 dev {link}"))?;
            ip(&format!("link set {link} up"))?;
            ip(&format!("-n {name} addr add 198.18.{theirs}/30 dev {inside}"))?;
            ip(&format!("-n {name} link set {inside} up"))?;
        }
        // While a link is cut, nothing for it goes anywhere else.
        for addresses in [STORE, UPSTREAM] {
            ip(&format!("route add blackhole {addresses} metric 4000"))?;
        }
        Ok(network)
    }

    /// Cuts the link to the store, or joins it again: nobody has its address any more, so
    /// what is sent there gets lost. Both ends of the link stay up, because the kernel takes
    /// up to a second to notice that one is up again.
    pub(crate) fn cut(&self, cut: bool) -> anyhow::Result<()> {
        let change = if cut { "del" } else { "add" };
        ip(&format!("addr {change} {}/30 dev {}", Self::STORE, self.link))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The links go with it.
        let _ = ip(&format!("netns del {}", self.name));
        for addresses in [STORE, UPSTREAM] {
            let _ = ip(&format!("route del blackhole {addresses} metric 4000"));
        }
    }
}

fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.context("ip is not there: install the package iproute2")?;
    let error = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "ip {arguments}: {}", error.trim());
    Ok(())
}
