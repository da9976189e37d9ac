//! The compile child: one hostile model, one process, killed when it takes too long.
//!
//! The server writes a [`Job`] as JSON into a folder of its own and starts its own executable with
//! the path; the child limits itself first thing, works, and writes an [`Outcome`] beside the job.
//! Its standard error is the build log. A child that dies without an outcome is explained by how it
//! died.
//!
//! # Invariants
//! - The child sees no environment but what keeps its allocator small, no store and no network
//!   address: a source file, a folder of its own and the folder of machine code.
//! - What the child says is believed only about its own source: the server hashes the module file
//!   itself.

mod job;
mod measure;
mod parent;
mod recognise;
mod unpack;
mod work;

pub(crate) use job::{Outcome, Reading, Task};
pub(crate) use parent::Children;
pub use work::compile_child_main;
