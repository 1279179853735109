//! A store on Redis or Valkey.

mod server;
#[cfg(test)]
mod tests;
mod text;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use redis::{Client, RedisError, Script};

use self::server::Server;
use self::text::{escaped, order_record, read_order, slot_record};
use crate::memory::REMEMBERED;
use crate::record::{MOST_ORDERS, Order, StoreError, StoredOrder, Verdict, View};
use crate::store::{Hints, Reply, Request, Store, StoreFuture};

/// How long orders are remembered after the last one was given.
const ORDERS_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long to wait before subscribing to the hints again.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(1);

/// A store on a Redis server, 6.2 or later, on Valkey, or on a cluster of either.
///
/// It connects when it is first used, and anew after each request that has failed or was
/// given up. Each clone has a connection of its own. Needs tokio. An exchange is one script,
/// so all keys of a fleet have one hash tag, its prefix: in a cluster they are on one node.
/// Every key expires.
///
/// The user needs the commands and keys of [`acl`](Self::acl) and no others.
#[derive(Clone)]
pub struct RedisStore {
    server: Server,
    #[cfg(feature = "tls")]
    certificates: tls::Certificates,
    prefix: String,
    exchange: Script,
    order: Script,
}

impl RedisStore {
    /// A store on the server of `url`, such as `redis://user:password@host:6379/0`; with the
    /// feature `tls`, also `rediss://user:password@host:6379/0`. All its keys begin with
    /// `prefix` in braces: 1 to 64 letters, digits, `-`, `_`, `.`, `:` or `/`.
    ///
    /// # Errors
    ///
    /// If the URL cannot be parsed, or the prefix is none. Whether there is a server shows
    /// when it is used.
    pub fn new(url: &str, prefix: &str) -> Result<Self, StoreError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(allowed) {
            let allowed = "1 to 64 letters, digits, or any of - _ . : /";
            return Err(StoreError::new(format!(
                "the prefix is {prefix:?}, but must be {allowed}"
            )));
        }
        let store = Self {
            server: Server::of(Vec::new()),
            #[cfg(feature = "tls")]
            certificates: tls::Certificates::default(),
            prefix: format!("{{{prefix}}}"),
            exchange: Script::new(include_str!("redis/exchange.lua")),
            order: Script::new(include_str!("redis/order.lua")),
        };
        store.or(url)
    }

    /// Asks the server of `url` too when those of before cannot be reached: another node of
    /// a cluster, from which it finds the one that has the keys. A fleet that meets on one
    /// server at a time, such as those that a proxy or a name stands for, needs none.
    ///
    /// # Errors
    ///
    /// If the URL cannot be parsed.
    pub fn or(mut self, url: &str) -> Result<Self, StoreError> {
        let node = Client::open(url).map_err(failed)?;
        #[cfg(feature = "tls")]
        let node = self.certificates.for_node(&node)?;
        let nodes = self.server.nodes().iter().cloned().chain([node]);
        self.server = Server::of(nodes.collect());
        Ok(self)
    }

    /// The rules that give a user what this store needs and nothing else, for `ACL SETUSER`.
    #[must_use]
    pub fn acl(prefix: &str) -> String {
        format!(
            "resetkeys ~{{{prefix}}}:* resetchannels &{{{prefix}}}:hints -@all +ping +eval +evalsha \
             +script|load +time +get +set +del +pexpire +hmget +hgetall +hset +hdel +hlen +hexists \
             +zadd +zrangebyscore +zremrangebyrank +publish +subscribe +unsubscribe"
        )
    }

    fn key(&self, kind: &str) -> String {
        format!("{}:{kind}", self.prefix)
    }

    fn key_of(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{}", self.prefix, escaped(name))
    }

    async fn exchange_now(&self, request: &Request) -> Result<Reply, StoreError> {
        let mut call = self.exchange.prepare_invoke();
        for key in ["version", "changed", "orders"] {
            call.key(self.key(key));
        }
        call.arg(&request.instance).arg(request.sequence).arg(millis(request.lifetime));
        call.arg(request.seen).arg(millis(REMEMBERED)).arg(self.key("hints"));
        for report in &request.reports {
            call.key(self.key_of("breaker", &report.name)).key(self.key_of("slots", &report.name));
            call.arg(&*report.name);
            call.arg(report.slot.as_ref().map(slot_record).unwrap_or_default());
            call.arg(report.handed_back).arg(report.used);
            let wish = report
                .wish
                .map_or([0; 3], |wish| [wish.count.into(), wish.limit.into(), millis(wish.time)]);
            wish.iter().for_each(|number| _ = call.arg(number));
            call.arg(report.proposal.map(|it| it.epoch.to_string()).unwrap_or_default());
            let opening = report.proposal.and_then(|proposal| proposal.open_for);
            call.arg(opening.map(|time| millis(time).to_string()).unwrap_or_default());
        }
        type Answer = (u64, u64, Vec<Vec<u64>>, Vec<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);
        let answer: Answer = self.server.invoke(&call).await.map_err(failed)?;
        let (version, now, views, changed, orders) = answer;
        let orders = orders.iter().filter_map(|(pattern, record)| {
            read_order(str::from_utf8(pattern).ok()?, str::from_utf8(record).ok()?, now)
        });
        Ok(Reply {
            views: views.iter().map(|view| read_view(view)).collect(),
            changed: changed.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect(),
            version,
            // Bounded, whatever is under the key.
            orders: orders.take(MOST_ORDERS).collect::<Vec<StoredOrder>>(),
        })
    }

    async fn order_now(&self, order: &Order) -> Result<(), StoreError> {
        order.check()?;
        let mut call = self.order.prepare_invoke();
        call.key(self.key("version")).key(self.key("orders")).arg(&order.pattern);
        call.arg(order.lasts.map(|time| millis(time).to_string()).unwrap_or_default());
        call.arg(order_record(order)).arg(millis(ORDERS_REMEMBERED)).arg(self.key("hints"));
        call.arg(MOST_ORDERS);
        let taken: u32 = self.server.invoke(&call).await.map_err(failed)?;
        if taken == 1 {
            Ok(())
        } else {
            Err(StoreError::new(format!("there are {MOST_ORDERS} orders already")))
        }
    }
}

/// A view, or none if there is something else under the keys.
fn read_view(numbers: &[u64]) -> Option<View> {
    let &[epoch, kind, time, instances, leases, granted, ref sums @ ..] = numbers else {
        return None;
    };
    let sums = sums.try_into().ok()?;
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let verdict = match kind {
        1 => Verdict::Open(Duration::from_millis(time)),
        2 => Verdict::Closed(Duration::from_millis(time)),
        _ => Verdict::None,
    };
    let [instances, leases, granted] = [instances, leases, granted].map(count);
    Some(View { epoch, verdict, instances, leases, granted, ..View::default() }.with_sums(sums))
}

fn millis(time: Duration) -> u64 {
    // Lua counts exactly up to 2^53.
    (time.as_millis() as u64).min(1 << 50)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: RedisError) -> StoreError {
    StoreError::new(error.to_string())
}

impl Store for RedisStore {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(self.exchange_now(request))
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        Box::pin(self.order_now(order))
    }

    fn hints(&self) -> Hints {
        let state = (self.server.answered(), self.key("hints"), false);
        let subscriptions = stream::unfold(state, |(mut answered, channel, again)| async move {
            if again {
                tokio::time::sleep(SUBSCRIBE_AGAIN).await;
            }
            let node = answered.wait_for(Option::is_some).await.ok()?.clone()?;
            let subscription = async {
                let mut subscription = node.get_async_pubsub().await?;
                subscription.subscribe(&channel).await?;
                Ok::<_, RedisError>(subscription.into_on_message().map(|_| ()))
            };
            let messages = match subscription.await {
                // What was decided before it was there is a hint too.
                Ok(messages) => stream::once(async {}).chain(messages).left_stream(),
                Err(_) => stream::empty().right_stream(),
            };
            // One that was cut is silent. That a request has needed a new connection tells.
            let mut other = answered.clone();
            let cut = async move { _ = other.changed().await };
            Some((messages.take_until(cut), (answered, channel, true)))
        });
        Box::pin(subscriptions.flatten())
    }
}
