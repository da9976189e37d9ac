//! Hostile and random input: the compiler and the engine answer with a typed error or a right result, in time.
//!
//! A target is an ordinary function over bytes. Here each runs on seeded cases, 200 in `cargo test`, as many as
//! `FUZZ_CASES` says in `cargo xtask soak`; a case that fails names its seed. [`hostile`] is the corpus of files that
//! are bad on purpose, made by code so that each says what is bad about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

mod graphs;
mod hostile;
mod proto;
mod targets;
mod traps;
mod trees;

/// Runs a target on seeded cases of up to `longest` bytes.
fn seeded(longest: usize, target: impl Fn(&[u8])) {
    let cases = std::env::var("FUZZ_CASES").map_or(200, |cases| cases.parse().unwrap());
    let first: u64 = std::env::var("FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in first..first + cases {
        let bytes = bytes(seed, longest);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&bytes)));
        assert!(outcome.is_ok(), "the case of FUZZ_SEED={seed} FUZZ_CASES=1 fails");
    }
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
