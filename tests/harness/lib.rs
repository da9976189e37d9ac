//! What the stories are told with: the real process, friendly HTTP, the fixtures and the reference.
//!
//! [`Edge`] starts the release binary on a free port with a data folder of its own and reads what it
//! prints; [`Client`] signs in with the bootstrap file and speaks to it as any caller would;
//! [`fixtures`] knows the models; [`reference`] runs them in ONNX Runtime; [`guests`] are scorers
//! written by hand.
//!
//! # Invariants
//! - No story waits by sleeping: it waits for a line, an answer or a state, and gives up loudly.
//! - A story leaves nothing behind, however it ends: the whole process group dies with its [`Edge`].
//!
//! # Deliberately absent
//! - A way around HTTP: what a story needs, a caller can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

pub mod cases;
mod client;
mod edge;
pub mod fixtures;
pub mod guests;
pub mod reference;

pub use client::{Answer, Client, Published, eventually};
pub use edge::{Edge, binary};
