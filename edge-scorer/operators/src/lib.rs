//! The dynamic tier: ONNX operators whose shapes are known only while they run.
//!
//! `compiler/build.rs` builds this crate for wasm32. Where a model's shapes depend on the values of
//! tensors, the compiler emits one call for each node, with the address of a [`Node`]: where its
//! inputs and outputs are described, and its attributes. An operator looks at the inputs' types and
//! dimensions, checks everything, asks the arena for room and describes its outputs.
//!
//! # Adding an operator
//! Write a function in the file of its family and name it in that file's `operators!` list, by
//! domain and name; the compiler finds it among this module's exports, so nothing else is touched:
//! ```ignore
//! operators! { "ai.onnx.Hardmax" => hardmax }
//!
//! fn hardmax(node: &Node) -> Done {
//!     let x = node.input(0)?;
//!     let axis = x.axis(node.int("axis", if node.opset < 13 { 1 } else { -1 }))?;
//!     floats!(x.kind; T => {
//!         let y = node.output::<T>(0, x.dims())?;      // room for it, all zero
//!         …
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # Invariants
//! - What a caller sends never traps: it is refused with a status; see [`Failure`].
//! - Loops are bounded by dimensions, and dimensions by memory.
//! - An output is written in full before anything reads it.
//!
//! # Deliberately absent
//! - Speed: what is known when a model is compiled belongs into the static tier.
//! - Freeing one tensor: `prepare` and every run begin with an empty arena, and the turns of a loop give
//!   back what they leave behind.

#![cfg_attr(target_arch = "wasm32", no_std)]
#![expect(unsafe_code, reason = "tensors lie in memory that descriptors point into")]

mod arena;
mod node;
#[macro_use]
mod number;
mod tensor;

// The kernels' own, so that both tiers answer the same.
#[path = "../../kernels/src/coupling.rs"]
mod coupling;
#[path = "../../kernels/src/murmur.rs"]
mod murmur;

mod arithmetic;
mod attention;
mod boxes;
mod cast;
mod comparison;
mod control;
mod gather;
mod images;
mod loss;
mod ml;
mod movement;
mod normalisation;
mod ordering;
mod product;
mod quantisation;
mod reduction;
mod resize;
mod running;
mod scatter;
mod shape;
mod softmax;
mod spectra;
mod text;
mod unary;
mod window;
mod words;

pub use node::{Attribute, Node};
pub use tensor::Tensor;

/// Why an operator stopped; its number is what `run` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Failure {
    /// A value or a shape that a caller sent does not fit.
    Unacceptable = 1,
    /// There is no room for a tensor.
    NoMemory = 16,
    /// The operator does not know this type or form.
    Unsupported = 17,
    /// An output is not what the signature promised.
    Broken = 18,
}

/// How an operator ends.
pub type Done = Result<(), Failure>;

/// Exports operators under the names that the compiler looks for.
macro_rules! operators {
    ($($name:literal => $function:expr),+ $(,)?) => {$(
        const _: () = {
            #[unsafe(export_name = $name)]
            unsafe extern "C" fn exported(node: *const $crate::Node) -> i32 {
                let operator: fn(&$crate::Node) -> $crate::Done = $function;
                match operator(unsafe { &*node }) {
                    Ok(()) => 0,
                    Err(failure) => failure as i32,
                }
            }
        };
    )+};
}
pub(crate) use operators;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
