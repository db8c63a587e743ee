//! How much of the fetches at once may be for one host, or on behalf of one network.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A queue for each key that is in use.
pub(super) struct Shares<K> {
    /// How many of one key run at once.
    running: usize,
    /// How many of one key run or wait.
    admitted: usize,
    queues: Mutex<HashMap<K, Queue>>,
}

struct Queue {
    turns: Arc<Semaphore>,
    admitted: usize,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// Queues in which `running` of one key have their turn at once, and `waiting` more wait.
    pub fn new(running: usize, waiting: usize) -> Self {
        Self {
            running,
            admitted: running.saturating_add(waiting),
            queues: Mutex::default(),
        }
    }

    /// A place in the queue of `key`, unless it is full.
    pub fn enter(&self, key: K) -> Option<Place<'_, K>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(key.clone()).or_insert_with(|| Queue {
            turns: Arc::new(Semaphore::new(self.running)),
            admitted: 0,
        });
        if queue.admitted >= self.admitted {
            return None;
        }
        queue.admitted += 1;
        Some(Place {
            turns: Arc::clone(&queue.turns),
            shares: self,
            key,
        })
    }
}

/// A place in a queue, left when dropped.
pub(super) struct Place<'s, K: Hash + Eq> {
    shares: &'s Shares<K>,
    key: K,
    turns: Arc<Semaphore>,
}

impl<K: Hash + Eq> Place<'_, K> {
    /// Waits for its turn.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }
}

impl<K: Hash + Eq> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let queues = self.shares.queues.lock();
        let mut queues = queues.unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.admitted -= 1;
            if queue.admitted == 0 {
                queues.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_own_places_and_is_forgotten_with_the_last() {
        let shares = Shares::new(1, 1);
        let (one, two) = (shares.enter("a"), shares.enter("a"));
        assert!(one.is_some() && two.is_some());
        assert!(shares.enter("a").is_none());
        assert!(shares.enter("b").is_some());
        let kept = || shares.queues.lock().unwrap().len();
        assert_eq!(kept(), 1, "b has left");
        drop(one);
        assert!(shares.enter("a").is_some());
        drop(two);
        assert_eq!(kept(), 0);
    }
}
