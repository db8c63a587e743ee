//! Random bytes on stock.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Rng;

const STOCK: usize = 4096;

/// Hands out bytes of a generator that were drawn in bulk. A draw from the system's generator
/// costs the same for forty bytes as for some thousand, and every request needs three ids.
///
/// For ids only: what must stay secret is not left lying in memory.
pub(super) struct SpareRandom {
    source: Arc<dyn Rng>,
    stock: Mutex<(Box<[u8; STOCK]>, usize)>,
}

impl SpareRandom {
    pub(super) fn new(source: Arc<dyn Rng>) -> Self {
        Self {
            source,
            stock: Mutex::new((Box::new([0; STOCK]), STOCK)),
        }
    }
}

impl Rng for SpareRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > STOCK {
            return self.source.fill(bytes);
        }
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let (spare, used) = &mut *stock;
        if spare.len() - *used < bytes.len() {
            self.source.fill(&mut spare[..]);
            *used = 0;
        }
        let end = *used + bytes.len();
        bytes.copy_from_slice(&spare[*used..end]);
        *used = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_handed_out_twice() {
        struct Counting(Mutex<u64>);
        impl Rng for Counting {
            fn fill(&self, bytes: &mut [u8]) {
                let mut count = self.0.lock().unwrap();
                for chunk in bytes.chunks_mut(8) {
                    *count += 1;
                    chunk.copy_from_slice(&count.to_le_bytes()[..chunk.len()]);
                }
            }
        }
        let random = SpareRandom::new(Arc::new(Counting(Mutex::new(0))));
        let mut last = 0;
        for _ in 0..5000 {
            let mut word = [0; 8];
            random.fill(&mut word);
            let word = u64::from_le_bytes(word);
            assert!(word > last);
            last = word;
        }
    }
}
