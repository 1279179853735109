//! Twin of `tokio::sync::watch`, made of shuttle's mutex: what a model of its readers needs.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use shuttle::sync::{Mutex, MutexGuard};

struct Watched<T> {
    value: T,
    waiting: Vec<Waker>,
    /// Whether the sender is gone.
    is_over: bool,
}

/// Borrows the value.
pub(crate) struct Ref<'a, T>(MutexGuard<'a, Watched<T>>);

pub(crate) struct Sender<T>(Arc<Mutex<Watched<T>>>);

pub(crate) struct Receiver<T>(Arc<Mutex<Watched<T>>>);

fn lock<T>(watched: &Mutex<Watched<T>>) -> MutexGuard<'_, Watched<T>> {
    watched.lock().expect("nothing panics while it is locked")
}

impl<T> Sender<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Watched { value, waiting: Vec::new(), is_over: false })))
    }

    pub(crate) fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.change(|watched| modify(&mut watched.value));
    }

    /// Wakes all who wait, after the change.
    fn change(&self, change: impl FnOnce(&mut Watched<T>)) {
        let mut watched = lock(&self.0);
        change(&mut watched);
        let waiting = std::mem::take(&mut watched.waiting);
        drop(watched);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        Ref(lock(&self.0))
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.change(|watched| watched.is_over = true);
    }
}

impl<T> Receiver<T> {
    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        Ref(lock(&self.0))
    }

    /// The value as soon as it is `wanted`, or an error if the sender is gone before.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<Ref<'_, T>, ()> {
        let shared = &*self.0;
        poll_fn(move |context| {
            let mut watched = lock(shared);
            if wanted(&watched.value) {
                Poll::Ready(Ok(Ref(watched)))
            } else if watched.is_over {
                Poll::Ready(Err(()))
            } else {
                watched.waiting.push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

impl<T> std::ops::Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}
