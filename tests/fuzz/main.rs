//! Hostile and random input: the compiler and the engine answer with a typed error or a right result, in time.
//!
//! A target is an ordinary function over bytes. Here each runs on as many seeded cases as `FUZZ_CASES` says, 10,000
//! in `cargo xtask soak` and 200 without it, and `tests/fuzz/guided` runs the same functions guided by coverage.
//! A case that fails names its seed; what was found once stands in `corpus` and is tried first, every time.
//! [`hostile`] is the corpus of files that are bad on purpose, made by code so that each says what is bad
//! about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a file's process reports on its output, and a table is for who asks"
)]

mod damaged;
mod graphs;
mod hostile;
mod proto;
mod targets;
mod traps;
mod trees;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Runs a target on seeded cases of up to `longest` bytes, two at a time.
fn seeded(longest: usize, target: impl Fn(&[u8]) + Sync) {
    let cases: u64 = std::env::var("FUZZ_CASES").map_or(200, |cases| cases.parse().unwrap());
    let first: u64 = std::env::var("FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= first + cases {
                        break;
                    }
                    let bytes = bytes(seed, longest);
                    let outcome =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&bytes)));
                    if outcome.is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "with FUZZ_CASES=1 these FUZZ_SEED fail: {failed:?}");
}

/// The same bytes for the same seed.
fn bytes(seed: u64, longest: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    let mut next = || {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let length = longest / 4 + next() as usize % (longest - longest / 4);
    (0..length).map(|_| next() as u8).collect()
}
