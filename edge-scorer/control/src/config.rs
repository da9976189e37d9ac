//! What the composition tells the domain: where its data lives and how much of anything it may use.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use crate::{ModelHost, OutsideIssuer, Registry, TraceExport};

/// Everything [`Control::open`](crate::Control::open) needs to know.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// The data folder; made when it is missing.
    pub data: PathBuf,
    /// Program and leading arguments of the compile child; the path of a job file is appended.
    pub compile_child: Vec<OsString>,
    /// `--public-url`: the only accepted issuer of access tokens when it is set, and an audience.
    pub public_url: Option<String>,
    /// Region of the resources that the first start makes.
    pub location: String,
    /// Where the master key is; `<data>/master.key` by default.
    pub master_key_file: Option<PathBuf>,
    /// How long an access token lives; an hour.
    pub token_lifetime: Duration,
    /// How far the clocks of those who make and read tokens may differ; a minute.
    pub clock_skew: Duration,
    /// Age at which the key that signs access tokens is replaced; 30 days.
    pub signing_key_age: Duration,
    /// How long rows of the audit log are kept; 90 days.
    pub audit_retention: Duration,
    /// An issuer whose tokens are accepted beside our own.
    pub outside: Option<OutsideIssuer>,
    /// Longest time of one scoring call.
    pub score_timeout: Duration,
    /// Hosts that models may be fetched from; none by default.
    pub model_hosts: Vec<ModelHost>,
    /// Where finished images are pushed to; nowhere by default.
    pub registry: Option<Registry>,
    /// Where traces are sent besides the data folder; nowhere by default.
    pub trace_export: Option<TraceExport>,
    /// How often collected calls and traces are written.
    pub observe_every: Duration,
    /// How much of anything there may be.
    pub limits: Limits,
}

impl ControlConfig {
    /// Defaults for a data folder and the program that answers to `compile-child`.
    pub fn new(data: impl Into<PathBuf>, executable: impl Into<OsString>) -> Self {
        Self {
            data: data.into(),
            compile_child: vec![executable.into(), "compile-child".into()],
            public_url: None,
            location: "local".to_owned(),
            master_key_file: None,
            token_lifetime: Duration::from_secs(3600),
            clock_skew: Duration::from_secs(60),
            signing_key_age: Duration::from_secs(30 * 24 * 3600),
            audit_retention: Duration::from_secs(90 * 24 * 3600),
            outside: None,
            score_timeout: Duration::from_secs(30),
            model_hosts: Vec::new(),
            registry: None,
            trace_export: None,
            observe_every: Duration::from_secs(1),
            limits: Limits::default(),
        }
    }
}

/// Limits, with the documented defaults.
#[derive(Debug, Clone)]
pub struct Limits {
    /// One artefact; 2 GiB.
    pub artifact_bytes: u64,
    /// One chunk of an upload; 8 MiB.
    pub upload_chunk_bytes: u64,
    /// An upload without a new chunk is forgotten after 24 h.
    pub upload_idle: Duration,
    /// One model archive, packed; 512 MiB.
    pub archive_packed_bytes: u64,
    /// One model archive, unpacked; 2 GiB.
    pub archive_unpacked_bytes: u64,
    /// Entries of one model archive; 10,000.
    pub archive_entries: u64,
    /// Wall time of one compile child; 60 s.
    pub compile_time: Duration,
    /// Memory of one compile child; 4 GiB.
    pub compile_memory_bytes: u64,
    /// One Wasm module; 512 MiB.
    pub module_bytes: u64,
    /// Guest memory of one slot; 512 MiB.
    pub guest_memory_bytes: u64,
    /// Failed sign-ins a minute per principal and address; 10.
    pub failed_sign_ins_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        Self {
            artifact_bytes: 2 * GIB,
            upload_chunk_bytes: 8 * MIB,
            upload_idle: Duration::from_secs(24 * 3600),
            archive_packed_bytes: 512 * MIB,
            archive_unpacked_bytes: 2 * GIB,
            archive_entries: 10_000,
            compile_time: Duration::from_secs(60),
            compile_memory_bytes: 4 * GIB,
            module_bytes: 512 * MIB,
            guest_memory_bytes: 512 * MIB,
            failed_sign_ins_per_minute: 10,
        }
    }
}
