//! The two wasmtime configurations, and how a module gets its machine code.
//!
//! # Invariants
//! - A module runs without interruption only if the caller vouches that our compiler made it *and*
//!   its plan is bounded *and* one row is cheap; see [`Interruption`].
//! - Machine code is made and loaded under the same configuration, or not loaded at all.

use std::{
    hash::{Hash as _, Hasher},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::{
    EngineError, Module, ModuleError,
    cache::{Key, MachineCodeCache},
    clock::Clock,
    contract::{self, Contract},
    guest::Budget,
    linalg, marks,
};

/// Address space of one memory. With a guard behind it, no access needs a bounds check.
const MEMORY_RESERVATION: u64 = 4 << 30;
/// Stack of a guest; deeper recursion traps.
const STACK_BYTES: usize = 512 << 10;
/// A row that is estimated to take longer runs under the deadline.
const UNINTERRUPTED_ROW_NS: u64 = 100_000_000;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Where machine code is kept; `None` compiles at every start. Nobody else may write there.
    pub cache_dir: Option<PathBuf>,
    /// Most bytes of guest memory of any instance; [512 MiB].
    pub memory_cap_bytes: u64,
    /// How long a batch may take unless its scorer says otherwise; [30 s].
    pub deadline: Duration,
    /// Most instances at a time, per configuration; [1,000]. 0: no pool, for processes that only
    /// compile, or score once under a tight limit of address space.
    pub max_instances: u32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            cache_dir: None,
            memory_cap_bytes: 512 << 20,
            deadline: Duration::from_secs(30),
            max_instances: 1_000,
        }
    }
}

/// Who made a module. The caller knows, never the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// This server's own compiler, by the record of the module's hash.
    Compiled,
    /// Anybody else.
    HandWritten,
    /// This process's own compiler, which was told to mark where steps end; see [`Scorer::step_times`].
    ///
    /// [`Scorer::step_times`]: crate::Scorer::step_times
    Measured,
}

/// Whether epoch checks are compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    Never,
    AtDeadline,
}

impl Interruption {
    fn of(trust: Trust, contract: &Contract) -> Self {
        let cheap = contract.signature.row_cost_ns.is_some_and(|cost| cost <= UNINTERRUPTED_ROW_NS);
        match trust {
            Trust::Compiled if contract.signature.bounded && cheap => Self::Never,
            Trust::Compiled | Trust::HandWritten | Trust::Measured => Self::AtDeadline,
        }
    }
}

/// Turns modules into machine code and makes room for their instances. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: EngineConfig,
    cache: Option<MachineCodeCache>,
    uninterrupted: Configuration,
    interruptible: Configuration,
    clock: Arc<Clock>,
}

struct Configuration {
    engine: wasmtime::Engine,
    /// What modules may import.
    linker: wasmtime::Linker<Budget>,
    /// Stands for everything that machine code depends on but the module.
    environment: [u8; 32],
}

impl Engine {
    /// Reserves address space, opens the cache and starts the clock.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let cache = config.cache_dir.as_deref().map(MachineCodeCache::open).transpose();
        let cache = cache.map_err(EngineError::CacheFolder)?;
        let uninterrupted = Configuration::new(&config, Interruption::Never)?;
        let interruptible = Configuration::new(&config, Interruption::AtDeadline)?;
        let clock = Arc::new(Clock::start(&interruptible.engine)?);
        Ok(Self { inner: Arc::new(Inner { config, cache, uninterrupted, interruptible, clock }) })
    }

    /// Compiles a module and stores its machine code, unless that is stored already.
    ///
    /// This is what a killable process calls; nothing of the module runs. Without a cache folder it
    /// only checks.
    pub fn precompile(&self, wasm: &[u8], trust: Trust) -> Result<(), ModuleError> {
        let (contract, configuration, key) = self.examine(wasm, trust)?;
        if let Some(cache) = &self.inner.cache
            && cache.read(&key).is_some_and(|code| configuration.map(code.bytes()).is_ok())
        {
            return Ok(());
        }
        drop(contract);
        let code = configuration.compile(wasm)?;
        match &self.inner.cache {
            Some(cache) => cache.write(&key, &code).map_err(ModuleError::Cache),
            None => Ok(()),
        }
    }

    /// Makes a module ready to run, from stored machine code where there is some.
    ///
    /// Otherwise it is compiled here and now, which takes time in proportion to its size.
    pub fn load(&self, wasm: &[u8], trust: Trust) -> Result<Module, ModuleError> {
        let (contract, configuration, key) = self.examine(wasm, trust)?;
        if let Some(module) = self.stored(configuration, &key) {
            return self.module(wasm, trust, contract, module);
        }
        let code = configuration.compile(wasm)?;
        if let Some(cache) = &self.inner.cache
            && let Err(error) = cache.write(&key, &code)
        {
            // The next start is slower; this one need not fail.
            tracing::warn!(%error, "machine code could not be stored");
        }
        let module = configuration.map(&code)?;
        self.module(wasm, trust, contract, module)
    }

    /// As [`Engine::load`], but never compiles: `None` when no machine code is stored.
    pub fn load_stored(&self, wasm: &[u8], trust: Trust) -> Result<Option<Module>, ModuleError> {
        let (contract, configuration, key) = self.examine(wasm, trust)?;
        let module = self.stored(configuration, &key);
        module.map(|module| self.module(wasm, trust, contract, module)).transpose()
    }

    fn examine(
        &self,
        wasm: &[u8],
        trust: Trust,
    ) -> Result<(Contract, &Configuration, Key), ModuleError> {
        let contract = contract::read(wasm, trust)?;
        let cap = self.inner.config.memory_cap_bytes;
        if contract.memory_bytes > cap {
            return Err(ModuleError::LimitExceeded(format!(
                "its memory begins with {} bytes, and {cap} is the limit",
                contract.memory_bytes
            )));
        }
        let configuration = match Interruption::of(trust, &contract) {
            Interruption::Never => &self.inner.uninterrupted,
            Interruption::AtDeadline => &self.inner.interruptible,
        };
        let key = Key::new(&Sha256::digest(wasm).into(), &configuration.environment);
        Ok((contract, configuration, key))
    }

    fn stored(&self, configuration: &Configuration, key: &Key) -> Option<wasmtime::Module> {
        let code = self.inner.cache.as_ref()?.read(key)?;
        match configuration.map(code.bytes()) {
            Ok(module) => Some(module),
            Err(error) => {
                tracing::warn!(?error, "stored machine code is refused and is made anew");
                None
            }
        }
    }

    fn module(
        &self,
        wasm: &[u8],
        trust: Trust,
        contract: Contract,
        module: wasmtime::Module,
    ) -> Result<Module, ModuleError> {
        let (clock, configuration) = match Interruption::of(trust, &contract) {
            Interruption::Never => (None, &self.inner.uninterrupted),
            Interruption::AtDeadline => {
                (Some(Arc::clone(&self.inner.clock)), &self.inner.interruptible)
            }
        };
        let limits = (self.inner.config.memory_cap_bytes, self.inner.config.deadline);
        let linker = &configuration.linker;
        Module::new(wasm, contract.signature, module, linker, trust, clock, limits)
    }
}

impl Configuration {
    fn new(config: &EngineConfig, interruption: Interruption) -> Result<Self, EngineError> {
        let engine = pooled(config, interruption)?;
        let mut hasher = Environment(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let mut linker = wasmtime::Linker::new(&engine);
        linalg::link(&mut linker)
            .and_then(|()| marks::link(&mut linker))
            .map_err(|error| EngineError::Setup(error.into()))?;
        Ok(Self { engine, linker, environment: hasher.0.finalize().into() })
    }

    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, ModuleError> {
        self.engine.precompile_module(wasm).map_err(|error| ModuleError::Compile(error.into()))
    }

    #[expect(unsafe_code, reason = "mapping machine code is trusting it; see the comment within")]
    fn map(&self, code: &[u8]) -> Result<wasmtime::Module, ModuleError> {
        // SAFETY: `code` was made by `compile`, in this process or in one that wrote it into our
        // own cache folder: nobody else may write there, and its SHA-256 was checked on reading.
        // wasmtime itself checks version, target, CPU features and configuration.
        let module = unsafe { wasmtime::Module::deserialize(&self.engine, code) };
        module.map_err(|error| ModuleError::Compile(error.into()))
    }
}

/// With the pool that was asked for, or a smaller one where address space is scarce.
fn pooled(
    config: &EngineConfig,
    interruption: Interruption,
) -> Result<wasmtime::Engine, EngineError> {
    let mut instances = config.max_instances;
    loop {
        match wasmtime::Engine::new(&settings(config, interruption, instances)) {
            Ok(engine) => return Ok(engine),
            Err(error) if instances == 0 => return Err(EngineError::Setup(error.into())),
            Err(error) => {
                tracing::warn!(%error, instances, "address space for so many instances is not to be had");
                instances /= 8;
            }
        }
    }
}

fn settings(config: &EngineConfig, interruption: Interruption, instances: u32) -> wasmtime::Config {
    let mut settings = wasmtime::Config::new();
    settings
        .epoch_interruption(interruption == Interruption::AtDeadline)
        // Only our own modules may use every core to compile.
        .parallel_compilation(interruption == Interruption::Never)
        .memory_reservation(MEMORY_RESERVATION)
        .max_wasm_stack(STACK_BYTES)
        .memory_init_cow(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        // Nobody reads guests' stack traces, and they cost a third of the machine code's size.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(cfg!(windows));
    if instances > 0 {
        let mut pool = wasmtime::PoolingAllocationConfig::new();
        pool.total_core_instances(instances)
            .total_memories(instances)
            .total_tables(instances)
            .max_memories_per_module(1)
            .max_tables_per_module(1)
            .max_memory_size(usize::try_from(config.memory_cap_bytes).unwrap_or(usize::MAX))
            // Clearing a little by hand is cheaper than asking the kernel for fresh pages.
            .linear_memory_keep_resident(256 << 10)
            .table_keep_resident(16 << 10);
        settings.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
    }
    settings
}

/// Collects what wasmtime says machine code depends on.
struct Environment(Sha256);

impl Hasher for Environment {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not used: the whole digest is read instead.
    fn finish(&self) -> u64 {
        0
    }
}
