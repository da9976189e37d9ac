//! The engine from outside, with guests written by hand in the text format.

#![expect(clippy::unwrap_used, reason = "this is a test")]

#[path = "engine/guest.rs"]
mod guest;

#[path = "engine/answers.rs"]
mod answers;
#[path = "engine/feature_hashing.rs"]
mod feature_hashing;
#[path = "engine/hostile.rs"]
mod hostile;
#[path = "engine/machine_code.rs"]
mod machine_code;
#[path = "engine/marks.rs"]
mod marks;
#[path = "engine/products.rs"]
mod products;
#[path = "engine/refusals.rs"]
mod refusals;
#[path = "engine/reuse.rs"]
mod reuse;
