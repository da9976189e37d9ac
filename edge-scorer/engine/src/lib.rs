//! Runs compiled and hand-written scorers: loads, pools, limits and calls WebAssembly modules.
//!
//! Bytes become a [`Module`] through an [`Engine`]; a [`Scorer`] keeps its idle instances; a
//! [`Batch`] is one instance at work, a checked view of its memory; [`Scorer::score_rows`] does all
//! of it for host [`Tensor`]s of any number of rows.
//!
//! # The module contract, version 1
//! - Core WebAssembly, 32-bit, with simd128, relaxed SIMD, bulk memory, reference types and the
//!   older proposals; one memory, exported as `memory`; no start function, no threads; no imports but
//!   the products of `linalg`, which work on addresses in the module's own memory:
//!   - `dense_panels(x, w, bias, y, rows, k, n, low, high)`: `y = clamp(x[rows, k] · w[k, n] + bias[n])`,
//!     where `w` lies in panels of 32 columns: `ceil(n / 32)` times `k` lines of 32 numbers;
//!   - `products(a, b, y, count, m, k, n)`: `y[count, m, n] = a[count, m, k] · b[count, k, n]`;
//!   - `conv(x, w, bias, y, shape, rows, low, high)`: a convolution of channel-first images with
//!     `w[channels_out, taps]`, whose 17 sizes lie at `shape` as 32-bit numbers.
//!
//!   Numbers are `f32`, bounds too, everything else is `i32`. What does not fit the memory, overlaps
//!   its operands or is too much for one call is a trap.
//! - Tensors lie in memory little-endian, row-major, without padding, aligned to 16 bytes; `bool`
//!   is one byte, 0 or 1. A text tensor of n elements is n + 1 unsigned 32-bit offsets (the first
//!   is 0, none falls) and apart from them the UTF-8 bytes: Apache Arrow's Utf8 layout.
//! - Exports; all parameters and results are `i32`, pointers are unsigned:
//!   - `prepare(symbol…) -> status`, one parameter for each of the signature's symbols in order:
//!     places every tensor, growing memory if it must. 0 = ready, 1 = does not fit, 2 = a symbol is
//!     out of its range. May be called again; earlier pointers are then void.
//!   - `input(i) -> pointer`, `output(i) -> pointer`: the tensor's data; its offsets, for text.
//!   - `input_bytes(i, n) -> pointer`: reserves n bytes of text, 0 = no room; called before
//!     `input(i)`, and not where there is no text at all. `output_bytes(i) -> pointer`. Only modules
//!     with text export them.
//!   - `run() -> status`: 0 = done; 1 = an input value is not acceptable, and `error_row() -> row`
//!     (optional) says which row; 16 = no room for a tensor, 17 = an operator does not know the type or the
//!     form of what it reads, 18 = an output is not what the signature promises, and above = the module's own
//!     failures.
//!   - `output_dim(i, axis) -> dimension`: only where the signature says `"?"`; valid after `run`.
//! - The host writes every input before every `run` and calls nothing before `prepare` answered 0.
//! - The custom section `edge-scorer` holds a [`shared::Signature`] as JSON, 1 MiB at most.
//! - A module whose first axis is fixed has no symbol `rows`: it is called once for each row.
//!
//! # Invariants
//! - Nothing a guest answers is trusted: each pointer, length, offset and dimension is checked
//!   against its memory before it is used.
//! - Every run ends: by returning, by trapping, or at its deadline. Only modules that our own
//!   compiler made and proved bounded run without interruption; see [`Trust`].
//! - No two callers see each other's data: instances of hand-written modules serve once, and
//!   compiled plans write every buffer before they read it.
//!
//! # Deliberately absent
//! - HTTP, tokio, JSON of the wire: this crate does not know who asked.
//! - Admission: how many batches run at a time is for the caller to say.
//! - Retries: a deterministic guest fails the same way twice.

#![warn(missing_docs)]

mod batch;
mod cache;
mod chunks;
mod clock;
mod contract;
mod engine;
mod error;
mod guest;
mod half;
mod layout;
mod linalg;
mod marks;
mod module;
mod rules;
mod scorer;
mod tensor;

pub use batch::{Batch, Fit};
pub use contract::read_signature;
pub use engine::{Engine, EngineConfig, Trust};
pub use error::{Cause, EngineError, ModuleError, ScoreError};
pub use half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
pub use module::Module;
pub use scorer::{Scorer, ScorerLimits};
pub use tensor::{ShapeMismatch, Tensor, TensorData};
