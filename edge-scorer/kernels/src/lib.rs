//! The numeric kernels that every compiled model is made of.
//!
//! `compiler/build.rs` builds this crate for wasm32; the compiler opens the result, appends the
//! plan of one model as a function that calls these kernels, and drops those it does not call.
//! Natively the same code is an ordinary library, so that kernels are tested without a sandbox.
//!
//! A kernel is `#[unsafe(no_mangle)] pub unsafe extern "C" fn`, in the file of its family. It takes
//! addresses (`*const T`, `*mut T`), counts (`usize`) and `f32`/`i32` settings, and answers nothing,
//! or an `i32` status: 0, or what `run` is to answer.
//!
//! # Invariants
//! - A kernel writes every element of its outputs and reads nothing else that it did not write.
//! - Loops are bounded by the arguments; there is no allocation, no panic and no global state.
//! - A kernel that uses SIMD has a scalar twin, and a test compares the two.
//!
//! # Deliberately absent
//! - Knowledge of graphs, shapes or ONNX: the plan has resolved them.
//! - Checks of the arguments: only the compiler calls these functions, with addresses it placed.

#![cfg_attr(target_arch = "wasm32", no_std)]
#![expect(unsafe_code, reason = "kernels read and write memory that the plan has placed")]
#![expect(
    clippy::missing_safety_doc,
    reason = "the contract of every kernel is the one in this header: valid, aligned, disjoint buffers of the stated lengths"
)]

mod lanes;
mod math;
mod space;
mod tile;

mod activation;
mod attention;
mod binary;
mod cast;
mod conv;
mod convolve;
mod copy;
mod coupling;
mod dense;
mod labels;
mod linear;
mod logsum;
mod losses;
mod lrn;
mod murmur;
mod norm;
mod normalise;
mod pool;
mod quantise;
mod recurrent;
mod reduce;
mod resample;
mod scores;
mod spectra;
mod svm;
mod tabular;
mod text;
mod trees;
mod unary;
mod vectorize;
mod view;
mod windows;

#[cfg(test)]
mod noise;

pub use activation::*;
pub use attention::*;
pub use binary::*;
pub use cast::*;
pub use conv::*;
pub use convolve::*;
pub use copy::copy_bytes;
pub use dense::*;
pub use labels::*;
pub use linear::*;
pub use logsum::*;
pub use losses::*;
pub use lrn::*;
pub use norm::*;
pub use normalise::*;
pub use pool::*;
pub use quantise::*;
pub use recurrent::*;
pub use reduce::*;
pub use resample::*;
pub use scores::*;
pub use space::{Space, put_u32};
pub use spectra::*;
pub use svm::*;
pub use tabular::*;
pub use text::*;
pub use trees::*;
pub use unary::*;
pub use vectorize::*;
pub use view::*;
pub use windows::*;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
