//! One instance: its memory, its exports, and what may happen when they are called.
//!
//! # Invariants
//! - Nothing the guest answers is used before it is checked against the memory.
//! - After a trap the instance is never called again.

use std::time::Instant;

use wasmtime::{AsContext as _, Instance, Memory, Store, Trap, TypedFunc};

use crate::{
    ScoreError,
    batch::Found,
    contract::TABLE_ELEMENTS,
    module::{Exports, Loaded},
};

/// Alignment of every tensor.
const ALIGNMENT: usize = 16;

/// A live instance.
pub(crate) struct Guest {
    store: Store<Budget>,
    memory: Memory,
    prepare: Prepare,
    input: TypedFunc<i32, i32>,
    output: TypedFunc<i32, i32>,
    run: TypedFunc<(), i32>,
    input_bytes: Option<TypedFunc<(i32, i32), i32>>,
    output_bytes: Option<TypedFunc<i32, i32>>,
    output_dim: Option<TypedFunc<(i32, i32), i32>>,
    error_row: Option<TypedFunc<(), i32>>,
    /// As of the last `prepare`.
    pub(crate) symbols: Vec<u32>,
    /// Where the outputs lie, as of the last `run`.
    pub(crate) found: Vec<Found>,
    /// The outputs' dimensions, one shape after the other.
    pub(crate) dims: Vec<u64>,
    /// False once it trapped.
    pub(crate) sound: bool,
}

/// `prepare` by its number of parameters: the common ones without a detour.
enum Prepare {
    None(TypedFunc<(), i32>),
    One(TypedFunc<i32, i32>),
    Two(TypedFunc<(i32, i32), i32>),
    Many(wasmtime::Func),
}

/// What the instance may have.
pub(crate) struct Budget {
    memory_bytes: usize,
    /// Whether more was asked for.
    exceeded: bool,
    /// The instance's memory, once there is an instance; what `linalg` works on.
    pub(crate) memory: Option<Memory>,
    /// Pixels that `linalg` gathers; kept from call to call.
    pub(crate) gathered: Vec<f32>,
    /// When a module that is measured passed its marks.
    pub(crate) marks: Vec<Instant>,
}

impl wasmtime::ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes;
        self.exceeded |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired as u64 <= TABLE_ELEMENTS)
    }
}

impl Guest {
    pub(crate) fn new(module: &Loaded, memory_bytes: u64) -> Result<Box<Self>, ScoreError> {
        let memory_bytes = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
        let budget = Budget {
            memory_bytes,
            exceeded: false,
            memory: None,
            gathered: Vec::new(),
            marks: Vec::new(),
        };
        let mut store = Store::new(module.code.engine(), budget);
        store.limiter(|budget| budget);
        if module.clock.is_some() {
            // There is no start function, but a store begins with a deadline in the past.
            store.set_epoch_deadline(u64::from(u32::MAX));
        }
        let instance = module.ready.instantiate(&mut store).map_err(|error| {
            if store.data().exceeded {
                ScoreError::OutOfMemory
            } else if error.downcast_ref::<Trap>().is_some() {
                // Data that lies outside of the memory, or elements outside of a table.
                ScoreError::Trap(error.into())
            } else {
                ScoreError::NoInstance(error.into())
            }
        })?;
        Self::bind(store, instance, &module.exports, module.signature.symbols.len()).ok_or_else(
            || {
                // `contract` has checked all this already.
                ScoreError::broken("an export has disappeared")
            },
        )
    }

    fn bind(
        mut store: Store<Budget>,
        instance: Instance,
        exports: &Exports,
        symbols: usize,
    ) -> Option<Box<Self>> {
        macro_rules! function {
            ($name:ident) => {{
                let export = exports.$name.as_ref()?;
                let function = instance.get_module_export(&mut store, export)?.into_func()?;
                function.typed(&store).ok()?
            }};
        }
        macro_rules! optional {
            ($name:ident) => {
                match exports.$name {
                    Some(_) => Some(function!($name)),
                    None => None,
                }
            };
        }
        let memory =
            instance.get_module_export(&mut store, exports.memory.as_ref()?)?.into_memory()?;
        store.data_mut().memory = Some(memory);
        let prepare = match symbols {
            0 => Prepare::None(function!(prepare)),
            1 => Prepare::One(function!(prepare)),
            2 => Prepare::Two(function!(prepare)),
            _ => {
                let export = exports.prepare.as_ref()?;
                Prepare::Many(instance.get_module_export(&mut store, export)?.into_func()?)
            }
        };
        let (input, output, run) = (function!(input), function!(output), function!(run));
        let (input_bytes, output_bytes) = (optional!(input_bytes), optional!(output_bytes));
        let (output_dim, error_row) = (optional!(output_dim), optional!(error_row));
        Some(Box::new(Self {
            store,
            memory,
            prepare,
            input,
            output,
            run,
            input_bytes,
            output_bytes,
            output_dim,
            error_row,
            symbols: Vec::with_capacity(symbols),
            found: Vec::new(),
            dims: Vec::new(),
            sound: true,
        }))
    }

    /// The guest traps after so many ticks; only where epochs are compiled in.
    pub(crate) fn set_deadline(&mut self, ticks: u64) {
        self.store.set_epoch_deadline(ticks);
    }

    /// Calls `prepare` with [`Guest::symbols`].
    pub(crate) fn prepare(&mut self) -> Result<i32, ScoreError> {
        self.store.data_mut().exceeded = false;
        let store = &mut self.store;
        let status = match (&self.prepare, self.symbols.as_slice()) {
            (Prepare::None(prepare), _) => prepare.call(store, ()),
            (Prepare::One(prepare), [a]) => prepare.call(store, a.cast_signed()),
            (Prepare::Two(prepare), [a, b]) => {
                prepare.call(store, (a.cast_signed(), b.cast_signed()))
            }
            (Prepare::Many(prepare), symbols) => {
                let values: Vec<_> =
                    symbols.iter().map(|symbol| wasmtime::Val::I32(symbol.cast_signed())).collect();
                let mut status = [wasmtime::Val::I32(0)];
                prepare.call(store, &values, &mut status).map(|()| status[0].i32().unwrap_or(-1))
            }
            (Prepare::One(_) | Prepare::Two(_), _) => {
                return Err(ScoreError::broken("`prepare` takes another number of symbols"));
            }
        };
        status.map_err(|error| self.failed(error))
    }

    pub(crate) fn run(&mut self) -> Result<i32, ScoreError> {
        self.run.call(&mut self.store, ()).map_err(|error| self.failed(error))
    }

    pub(crate) fn input(&mut self, index: usize) -> Result<usize, ScoreError> {
        let pointer = self.input.call(&mut self.store, index_argument(index));
        pointer.map(address).map_err(|error| self.failed(error))
    }

    pub(crate) fn output(&mut self, index: usize) -> Result<usize, ScoreError> {
        let pointer = self.output.call(&mut self.store, index_argument(index));
        pointer.map(address).map_err(|error| self.failed(error))
    }

    /// 0 = no room.
    pub(crate) fn input_bytes(&mut self, index: usize, bytes: u32) -> Result<usize, ScoreError> {
        let Some(function) = &self.input_bytes else {
            return Err(ScoreError::broken("it exports no `input_bytes`"));
        };
        let pointer = function.call(&mut self.store, (index_argument(index), bytes.cast_signed()));
        pointer.map(address).map_err(|error| self.failed(error))
    }

    pub(crate) fn output_bytes(&mut self, index: usize) -> Result<usize, ScoreError> {
        let Some(function) = &self.output_bytes else {
            return Err(ScoreError::broken("it exports no `output_bytes`"));
        };
        let pointer = function.call(&mut self.store, index_argument(index));
        pointer.map(address).map_err(|error| self.failed(error))
    }

    pub(crate) fn output_dim(&mut self, index: usize, axis: usize) -> Result<i32, ScoreError> {
        let Some(function) = &self.output_dim else {
            return Err(ScoreError::broken("it exports no `output_dim`"));
        };
        let dim = function.call(&mut self.store, (index_argument(index), index_argument(axis)));
        dim.map_err(|error| self.failed(error))
    }

    /// The row that `run` refused, where the module tells.
    pub(crate) fn error_row(&mut self) -> Result<Option<u32>, ScoreError> {
        let Some(function) = &self.error_row else { return Ok(None) };
        let row = function.call(&mut self.store, ());
        row.map(|row| u32::try_from(row).ok()).map_err(|error| self.failed(error))
    }

    /// `bytes` bytes at `address`, if they lie inside the memory.
    pub(crate) fn slice(&self, address: usize, bytes: usize) -> Result<&[u8], ScoreError> {
        let end = address.checked_add(bytes);
        end.and_then(|end| self.memory.data(&self.store).get(address..end)).ok_or_else(outside)
    }

    /// As [`Guest::slice`], to write to.
    pub(crate) fn slice_mut(
        &mut self,
        address: usize,
        bytes: usize,
    ) -> Result<&mut [u8], ScoreError> {
        let end = address.checked_add(bytes);
        end.and_then(|end| self.memory.data_mut(&mut self.store).get_mut(address..end))
            .ok_or_else(outside)
    }

    /// When the module passed its marks.
    pub(crate) fn marks(&mut self) -> &mut Vec<Instant> {
        &mut self.store.data_mut().marks
    }

    /// The whole memory.
    pub(crate) fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }

    /// Bytes of memory it has now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.data_size(self.store.as_context())
    }

    #[cold]
    fn failed(&mut self, error: wasmtime::Error) -> ScoreError {
        self.sound = false;
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => ScoreError::OutOfTime,
            // An allocator that gets no memory mostly ends in `unreachable`.
            _ if self.store.data().exceeded => ScoreError::OutOfMemory,
            _ => ScoreError::Trap(error.into()),
        }
    }
}

/// Pointers of tensors are multiples of 16.
pub(crate) fn aligned(address: usize) -> Result<usize, ScoreError> {
    if address.is_multiple_of(ALIGNMENT) {
        return Ok(address);
    }
    Err(ScoreError::broken("a tensor is not aligned to 16 bytes"))
}

fn outside() -> ScoreError {
    ScoreError::broken("a tensor lies outside the memory")
}

/// Pointers are unsigned.
fn address(pointer: i32) -> usize {
    pointer.cast_unsigned() as usize
}

fn index_argument(index: usize) -> i32 {
    // Counts are limited by `rules`, far below.
    i32::try_from(index).unwrap_or(i32::MAX)
}
