//! The child's side: limit itself, work, answer.

use std::{
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use compiler::CompileError;
use engine::{Engine, EngineConfig, ModuleError, Trust};
use rlimit::Resource;
use shared::{ErrorCode, Profile};

use super::{
    job::{Job, Outcome, Reading, Refusal, Task},
    measure,
    recognise::{Format, format_of},
    unpack::unpack,
};

const DONE: u8 = 0;
const INTERNAL: u8 = 1;
const USAGE: u8 = 2;

const EXPORT: &str = "Export the trained model to ONNX: `skl2onnx` for scikit-learn, `onnxmltools` \
    for XGBoost, LightGBM and CatBoost, `torch.onnx.export` for PyTorch, `tf2onnx` for TensorFlow.";

/// Runs one job; `arguments` are what follows `compile-child`: the path of the job file. Gives
/// the exit code.
pub fn compile_child_main(arguments: &[OsString]) -> u8 {
    let [path] = arguments else { return USAGE };
    let Some(job) =
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Job>(&bytes).ok())
    else {
        return USAGE;
    };
    if limit(&job).is_err() {
        return INTERNAL;
    }
    let outcome = work(&job).unwrap_or_else(Outcome::Refused);
    match serde_json::to_vec(&outcome).ok().map(|bytes| fs::write(job.outcome(), bytes)) {
        Some(Ok(())) => DONE,
        _ => INTERNAL,
    }
}

/// Hard limits: whoever takes over this process cannot raise them. One that measures may raise that of
/// its addresses, since an instance reserves more of them than it uses.
fn limit(job: &Job) -> std::io::Result<()> {
    let limits = &job.limits;
    let set_both = |resource: Resource, soft: u64, hard: u64| {
        let (_, inherited) = resource.get()?;
        resource.set(soft.min(inherited), hard.min(inherited))
    };
    let set = |resource, value| set_both(resource, value, value);
    // The program itself is mapped already, and is not what the limit is about.
    let room = address_space("VmSize:").saturating_add(limits.memory_bytes);
    match job.task {
        Task::Measure { .. } => {
            set_both(Resource::AS, room, room.saturating_add(measure::ADDRESSES))?;
        }
        _ => set(Resource::AS, room)?,
    }
    set(Resource::CPU, limits.seconds.saturating_mul(2).max(1))?;
    set(Resource::FSIZE, limits.module_bytes.saturating_mul(8))?;
    set(Resource::CORE, 0)?;
    set(Resource::NOFILE, 64)
}

/// Address space of this process as `line` of its status tells it; 0 where the system does not.
fn address_space(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|found| found.strip_prefix(line));
    let kilobytes = value.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64).saturating_mul(1_024)
}

/// What cannot be decoded for want of memory looks as if it were damaged.
fn explained(job: &Job, length: usize, refusal: Refusal) -> Refusal {
    let limit = Resource::AS.get_soft().unwrap_or(u64::MAX);
    let starved = address_space("VmPeak:").saturating_add(length as u64) > limit;
    if starved && refusal.code == ErrorCode::UnsupportedModel {
        return Refusal::memory(job.limits.memory_bytes);
    }
    refusal
}

fn work(job: &Job) -> Result<Outcome, Refusal> {
    let mut bytes = read(&job.source)?;
    if job.unpack {
        bytes = unpack(job, &bytes)?;
        write(&job.unpacked(), &bytes)?;
    }
    look_at(job, &bytes).map_err(|refusal| explained(job, bytes.len(), refusal))
}

fn look_at(job: &Job, bytes: &[u8]) -> Result<Outcome, Refusal> {
    let format = format_of(bytes);
    match &job.task {
        Task::Read => Ok(Outcome::Read(read_model(bytes, format)?)),
        Task::Draw => draw(bytes, format),
        Task::Measure { profile } => {
            refuse_module(format)?;
            refuse_archive(format)?;
            Ok(Outcome::Measured(measure::measure(job, bytes, *profile)?))
        }
        Task::BuildPortable => build_portable(job, bytes, format),
        Task::Build { profile } if format == Format::Wasm => {
            log("the source is a hand-written module");
            let _ = profile;
            let signature = engine::read_signature(bytes).map_err(module_refusal)?;
            precompile(job, bytes, Trust::HandWritten)?;
            write(&job.module(), bytes)?;
            Ok(Outcome::Built { signature, compiled_here: false })
        }
        Task::Build { profile } => build(job, bytes, format, *profile),
        Task::Precompile { compiled_here } => {
            let trust = if *compiled_here { Trust::Compiled } else { Trust::HandWritten };
            precompile(job, bytes, trust)?;
            Ok(Outcome::Precompiled)
        }
    }
}

fn read_model(bytes: &[u8], format: Format) -> Result<Reading, Refusal> {
    if format == Format::Wasm {
        return Ok(Reading::Wasm(engine::read_signature(bytes).map_err(module_refusal)?));
    }
    refuse_archive(format)?;
    let check = compiler::check(bytes, &compiler::Options::default()).map_err(compile_refusal)?;
    Ok(Reading::Onnx(check))
}

fn draw(bytes: &[u8], format: Format) -> Result<Outcome, Refusal> {
    refuse_module(format)?;
    refuse_archive(format)?;
    let graph = compiler::graph(bytes, &compiler::Options::default()).map_err(compile_refusal)?;
    Ok(Outcome::Drawn(graph))
}

/// What the compiler may do for this job.
pub(super) fn options(job: &Job, profile: Profile) -> compiler::Options {
    let limits =
        compiler::Limits { module_bytes: job.limits.module_bytes, ..compiler::Limits::default() };
    compiler::Options { profile, limits, ..compiler::Options::default() }
}

/// A module made by hand is taken as it stands: only its author knows what it needs.
fn build_portable(job: &Job, bytes: &[u8], format: Format) -> Result<Outcome, Refusal> {
    if format == Format::Wasm {
        write(&job.module(), bytes)?;
        return Ok(Outcome::BuiltPortable);
    }
    refuse_archive(format)?;
    let compiled =
        compiler::compile(bytes, &options(job, Profile::Portable)).map_err(compile_refusal)?;
    write(&job.module(), &compiled.wasm)?;
    Ok(Outcome::BuiltPortable)
}

fn build(job: &Job, bytes: &[u8], format: Format, profile: Profile) -> Result<Outcome, Refusal> {
    refuse_archive(format)?;
    log(&format!("compiling {} bytes of ONNX for the profile {profile}", bytes.len()));
    let compiled = compiler::compile(bytes, &options(job, profile)).map_err(compile_refusal)?;
    log(&format!("the module has {} bytes; its plan:", compiled.wasm.len()));
    log(&compiled.plan);
    log("making machine code");
    precompile(job, &compiled.wasm, Trust::Compiled)?;
    write(&job.module(), &compiled.wasm)?;
    Ok(Outcome::Built { signature: compiled.signature, compiled_here: true })
}

fn precompile(job: &Job, wasm: &[u8], trust: Trust) -> Result<(), Refusal> {
    let config = EngineConfig {
        cache_dir: Some(job.machine_code.clone()),
        memory_cap_bytes: job.limits.guest_memory_bytes,
        max_instances: 0,
        ..EngineConfig::default()
    };
    let engine = Engine::new(config).map_err(|error| internal(&error))?;
    engine.precompile(wasm, trust).map_err(module_refusal)
}

fn refuse_module(format: Format) -> Result<(), Refusal> {
    if format == Format::Wasm {
        return Err(Refusal::unsupported_model(
            "a hand-written module has no operators to draw",
            "Look at its signature instead.",
        ));
    }
    Ok(())
}

fn refuse_archive(format: Format) -> Result<(), Refusal> {
    let found = match format {
        Format::Zip => "a zip archive (a saved PyTorch model, a Keras file or packed files)",
        Format::Gzip => "a gzip stream",
        Format::Wasm | Format::Other => return Ok(()),
    };
    Err(Refusal::unsupported_model(
        format!("the bytes are {found}, not an ONNX model"),
        format!("{EXPORT} If the archive holds an ONNX file, register it with `unpack: true`."),
    ))
}

pub(super) fn compile_refusal(error: CompileError) -> Refusal {
    let message = error.to_string();
    match error {
        CompileError::NotOnnx { found, .. } => Refusal::unsupported_model(
            format!("the bytes are not an ONNX model but {found}"),
            EXPORT,
        ),
        CompileError::Unsupported(unsupported) => Refusal {
            code: ErrorCode::UnsupportedOperator,
            message,
            remedy: String::new(),
            unsupported,
        },
        CompileError::Invalid { .. } => Refusal::unsupported_model(message, EXPORT),
        CompileError::LimitExceeded { .. } => Refusal::limit(message),
        CompileError::Internal { .. } => Refusal {
            code: ErrorCode::Internal,
            message,
            remedy: String::new(),
            unsupported: Vec::new(),
        },
    }
}

pub(super) fn module_refusal(error: ModuleError) -> Refusal {
    const KEEP: &str = "Rebuild the module so that it keeps the module contract (version 1).";
    match &error {
        ModuleError::NotWasm | ModuleError::Invalid(_) | ModuleError::Contract(_) => {
            Refusal::unsupported_model(error.to_string(), KEEP)
        }
        ModuleError::LimitExceeded(_) => Refusal::limit(error.to_string()),
        ModuleError::Compile(_) | ModuleError::Cache(_) => internal(&error),
    }
}

pub(super) fn internal(error: &dyn std::error::Error) -> Refusal {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    Refusal { code: ErrorCode::Internal, message, remedy: String::new(), unsupported: Vec::new() }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, Refusal> {
    fs::read(path).map_err(|error| internal(&error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    fs::write(path, bytes).map_err(|error| internal(&error))
}

fn log(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
