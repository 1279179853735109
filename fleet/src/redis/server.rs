//! The way to the server: one connection, which is dropped as soon as it has let a request
//! down, for whatever reason. What decides by the kind of error keeps connections that cannot
//! tell: those that were cut without a word, refused for a wrong password, or lead to a server
//! that has become a replica.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, RedisError, RedisResult,
    ScriptInvocation, ServerErrorKind,
};
use tokio::sync::watch;

/// The server, or the nodes of a cluster.
pub(super) struct Server {
    /// Whom to ask in turn.
    nodes: Vec<Client>,
    state: Mutex<State>,
    /// Who has answered over a new connection.
    answered: watch::Sender<Option<Client>>,
}

#[derive(Default)]
struct State {
    /// A connection over which the last request was answered.
    kept: Option<Connection>,
    turn: usize,
}

struct Connection {
    node: Client,
    /// The process that made it. In a fork nobody drives it.
    process: u32,
    stream: MultiplexedConnection,
}

/// With a connection of its own.
impl Clone for Server {
    fn clone(&self) -> Self {
        Self::of(self.nodes.clone())
    }
}

impl Server {
    pub(super) fn of(nodes: Vec<Client>) -> Self {
        Self { nodes, state: Mutex::default(), answered: watch::Sender::default() }
    }

    pub(super) fn nodes(&self) -> &[Client] {
        &self.nodes
    }

    /// Who has answered over a new connection: it changes whenever there is another one.
    pub(super) fn answered(&self) -> watch::Receiver<Option<Client>> {
        self.answered.subscribe()
    }

    /// # Cancellation
    ///
    /// Drops the connection; the next request makes another.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        let (kept, next) = self.take();
        let mut is_new = kept.is_none();
        // Not in its place meanwhile: it goes with this future.
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::to(next).await?,
        };
        let mut answer = script.invoke_async(&mut connection.stream).await;
        if let Some(owner) = answer.as_ref().err().and_then(|error| connection.owner(error)) {
            connection = Connection::to(owner).await?;
            is_new = true;
            answer = script.invoke_async(&mut connection.stream).await;
        }
        if answer.is_ok() {
            if is_new {
                self.answered.send_replace(Some(connection.node.clone()));
            }
            self.state().kept = Some(connection);
        }
        answer
    }

    /// The connection that there is, and the node with which to make one otherwise.
    fn take(&self) -> (Option<Connection>, Client) {
        let mut state = self.state();
        let kept = state.kept.take().filter(|kept| kept.process == std::process::id());
        let node = self.nodes[state.turn % self.nodes.len()].clone();
        if kept.is_none() {
            state.turn = state.turn.wrapping_add(1);
        }
        (kept, node)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn pretend_to_be_a_fork(&self) {
        self.state().kept.as_mut().expect("a request was answered").process += 1;
    }
}

impl Connection {
    async fn to(node: Client) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(2)))
            // The background task gives up sooner.
            .set_response_timeout(Some(Duration::from_secs(10)));
        let stream = node.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { node, process: std::process::id(), stream })
    }

    /// The node of the cluster that has our keys, if `error` says that it is another one.
    fn owner(&self, error: &RedisError) -> Option<Client> {
        if error.kind() != ServerErrorKind::Moved.into() {
            return None;
        }
        let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let info = self.node.get_connection_info();
        let mut address = info.addr().clone();
        if let ConnectionAddr::Tcp(old, at) | ConnectionAddr::TcpTls { host: old, port: at, .. } =
            &mut address
        {
            *at = port;
            // A node that does not know what the owner is called means its own host.
            if !host.is_empty() {
                host.clone_into(old);
            }
        }
        Client::open(info.clone().set_addr(address)).ok()
    }
}
