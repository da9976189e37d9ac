//! Tables of sizes for kernels that take more than fit into arguments.

use shared::ElementType;

use crate::lower::Lowering;
use crate::plan::{Arg, Extent};

/// An `f32` setting as a number of a table.
pub(super) fn bits(value: f32) -> Extent {
    Extent::Fixed(i64::from(value.to_bits()))
}

impl Lowering<'_> {
    /// The address of a table of 32-bit numbers: among the weights where all are known, else
    /// written before the kernel is called.
    pub(super) fn table(&mut self, name: &str, numbers: &[Extent]) -> Arg {
        let name = format!("sizes of {name}");
        let known: Option<Vec<u32>> =
            numbers.iter().map(|number| number.fixed().map(|value| value as u32)).collect();
        if let Some(known) = known {
            return Arg::Weights(self.planner.weights_u32(name, &known));
        }
        let count = Extent::from(numbers.len());
        let buffer = self.planner.buffer(name, ElementType::Uint32, count);
        for (index, number) in numbers.iter().enumerate() {
            let to = Arg::Write(buffer, Extent::from(4 * index));
            self.planner.call("put_u32", vec![to, Arg::Count(number.clone())], "a size", 1.0);
        }
        Arg::read(buffer)
    }
}
