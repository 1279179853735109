//! A cluster of three masters, and a replica of the one that has our keys.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::server::{PASSWORD, Server, free_port};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

pub(crate) struct Cluster {
    /// The masters, and then the replica.
    pub(crate) nodes: Vec<Server>,
    /// Which of them has our keys.
    pub(crate) owner: usize,
    folder: PathBuf,
}

impl Cluster {
    /// In which the keys of `prefix` have a replica.
    pub(crate) fn start(prefix: &str) -> Self {
        let folder = format!("cluster-{}-{}", std::process::id(), free_port());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).unwrap();
        let nodes: Vec<_> = (0..=MASTERS).map(|n| start_node(n, &folder)).collect();
        for (n, node) in nodes.iter().enumerate() {
            let _: () = node.command(&format!("CLUSTER SET-CONFIG-EPOCH {}", n + 1));
            if n < MASTERS {
                let slots = n * SLOTS / MASTERS..(n + 1) * SLOTS / MASTERS;
                let slots: Vec<_> = slots.map(|slot| slot.to_string()).collect();
                let _: () = node.command(&format!("CLUSTER ADDSLOTS {}", slots.join(" ")));
            }
            let _: () = nodes[0].command(&format!("CLUSTER MEET 127.0.0.1 {}", node.port));
        }
        let slot: usize = nodes[0].command(&format!("CLUSTER KEYSLOT {{{prefix}}}:version"));
        let owner = (0..MASTERS).find(|n| slot < (n + 1) * SLOTS / MASTERS).unwrap();
        let cluster = Self { nodes, owner, folder };
        cluster.until("cluster_known_nodes:4", "CLUSTER INFO");
        let id: String = cluster.nodes[owner].command("CLUSTER MYID");
        let _: () = cluster.replica().command(&format!("CLUSTER REPLICATE {id}"));
        cluster.until("cluster_state:ok", "CLUSTER INFO");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !cluster.replica().command::<String>("INFO replication").contains("status:up") {
            assert!(Instant::now() < deadline, "the replica does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }

    pub(crate) fn replica(&self) -> &Server {
        &self.nodes[MASTERS]
    }

    /// Asks each node until its answer contains `text`.
    fn until(&self, text: &str, command: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.nodes.iter().all(|node| node.command::<String>(command).contains(text)) {
            assert!(Instant::now() < deadline, "not every node says {text} within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn start_node(n: usize, folder: &std::path::Path) -> Server {
    let file = format!("nodes-{n}.conf");
    let folder = folder.display().to_string();
    Server::start_with(&[
        "--cluster-enabled",
        "yes",
        "--dir",
        &folder,
        "--cluster-config-file",
        &file,
        "--cluster-node-timeout",
        "2000",
        "--masterauth",
        PASSWORD,
        "--repl-diskless-sync-delay",
        "0",
    ])
}
