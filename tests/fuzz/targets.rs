//! The targets: bytes into the compiler, modules into the engine. `guided` runs these functions too.

#![allow(dead_code, reason = "each of the guided targets uses a part")]

use std::cell::RefCell;
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};

use compiler::{CompileError, Compiled, Options, compile};
use engine::{Engine, EngineConfig, ScoreError, Scorer, ScorerLimits, Tensor, TensorData, Trust};
use shared::{Dim, Signature};

/// What one small file may take, on a machine that does other things besides.
const BUDGET: Duration = Duration::from_secs(20);
/// Memory of a guest.
const MEMORY: u64 = 64 << 20;

thread_local! {
    /// Where code of this repository panicked, whoever caught it.
    static PANICKED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes panics in the repository's own code. tract's are expected, and fenced in where it is called.
fn watch_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            if place.starts_with('/') {
                return;
            }
            PANICKED.set(Some(place));
            usual(panic);
        }));
    });
}

/// Compiles; anything but a module or a typed error within the budget is a failure.
pub(crate) fn compiler(onnx: &[u8]) -> Result<Compiled, CompileError> {
    watch_panics();
    PANICKED.set(None);
    let begun = Instant::now();
    let outcome = compile(onnx, &Options::default());
    assert!(begun.elapsed() < BUDGET, "it took {:?}", begun.elapsed());
    if let Err(CompileError::Internal { reason }) = &outcome {
        panic!("a mistake of the compiler's own: {reason}");
    }
    if let Some(place) = PANICKED.take() {
        panic!("a panic of the compiler's own: {place}");
    }
    outcome
}

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let deadline = Duration::from_millis(500);
        let config = EngineConfig {
            memory_cap_bytes: MEMORY,
            max_instances: 16,
            deadline,
            ..EngineConfig::default()
        };
        Engine::new(config).unwrap()
    })
}

/// So many rows of zeros and of the letter `a` for a model, where its inputs are of ordinary size.
pub(crate) fn rows(signature: &Signature, count: u64) -> Option<Vec<Tensor>> {
    let size = |name: &str| -> Option<u64> {
        let symbol = signature.symbols.iter().find(|symbol| symbol.name == name)?;
        Some(count.clamp(symbol.min.into(), symbol.max.into()))
    };
    let tensors = signature.inputs.iter().map(|input| {
        let dims = input.shape.iter().map(|dim| match dim {
            Dim::Fixed(size) => Some(*size),
            Dim::Named(name) => size(name),
        });
        let shape = dims.collect::<Option<Vec<u64>>>()?;
        let elements = shape.iter().try_fold(1_u64, |all, dim| all.checked_mul(*dim))?;
        let elements = usize::try_from(elements).ok().filter(|elements| *elements < 1 << 20)?;
        let data = match input.element_type.byte_width() {
            Some(width) => TensorData::read_le(input.element_type, &vec![0; width * elements])?,
            None => TensorData::String(vec!["a".to_owned(); elements]),
        };
        Tensor::new(shape, data).ok()
    });
    tensors.collect()
}

/// Loads a module as a stranger's and scores a few rows with it, if it can be loaded.
pub(crate) fn module(wasm: &[u8]) {
    watch_panics();
    PANICKED.set(None);
    let begun = Instant::now();
    if let Ok(module) = engine().load(wasm, Trust::HandWritten)
        && let Some(inputs) = rows(module.signature(), 3)
    {
        let answer = Scorer::new(module, ScorerLimits::default()).score_rows(&inputs);
        // Whatever it answers, it answers; that there is no room for it would be the engine's fault.
        assert!(!matches!(answer, Err(ScoreError::NoInstance(_))), "{answer:?}");
    }
    assert!(begun.elapsed() < BUDGET, "it took {:?}", begun.elapsed());
    if let Some(place) = PANICKED.take() {
        panic!("a panic of the engine's own: {place}");
    }
}

/// Compiles, and runs what comes out: the engine must take whatever the compiler makes.
pub(crate) fn compiler_and_module(onnx: &[u8]) {
    if let Ok(compiled) = compiler(onnx) {
        let loaded = engine().load(&compiled.wasm, Trust::HandWritten);
        assert!(loaded.is_ok(), "what was compiled is refused: {:?}", loaded.err());
        module(&compiled.wasm);
    }
}
