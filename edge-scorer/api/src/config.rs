//! What the binary decides and the routers need to know.

use std::{net::SocketAddr, time::Duration};

use crate::{console::Console, proxies::Proxies};

/// How the HTTP side behaves.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Base of every absolute link; without it the base is the scheme and the `Host` header.
    pub public_url: Option<String>,
    /// Where we listen; its host may stand in a request's `Host` header.
    pub listen: SocketAddr,
    /// Whether the listener speaks TLS itself.
    pub tls: bool,
    /// Further hosts, as `host` or `host:port`, that a request may name.
    pub allow_hosts: Vec<String>,
    /// Origins, as `https://host[:port]`, whose pages may call the scoring routes.
    pub cors_origins: Vec<String>,
    /// Whose word about the caller's address is taken.
    pub proxies: Proxies,
    /// Sizes and counts that requests may not exceed.
    pub limits: ApiLimits,
    /// The console's files.
    pub console: Console,
    /// What `GET /api/version` answers.
    pub build: BuildInfo,
}

impl ApiConfig {
    /// Plain HTTP on `listen`, default limits, no console.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            public_url: None,
            listen,
            tls: false,
            allow_hosts: Vec::new(),
            cors_origins: Vec::new(),
            proxies: Proxies::default(),
            limits: ApiLimits::default(),
            console: Console::default(),
            build: BuildInfo::default(),
        }
    }
}

/// What requests may not exceed; each is named in the refusal that enforces it.
#[derive(Debug, Clone)]
pub struct ApiLimits {
    /// Bytes of a management request's JSON.
    pub management_body_bytes: usize,
    /// Bytes of a scoring request.
    pub scoring_body_bytes: usize,
    /// Bytes of one artefact.
    pub artifact_bytes: u64,
    /// Bytes of one chunk of an upload.
    pub upload_chunk_bytes: usize,
    /// Nesting of JSON.
    pub json_depth: usize,
    /// Bytes of a request's headers.
    pub header_bytes: usize,
    /// Open connections.
    pub connections: usize,
    /// From the first byte of a request's headers to the last.
    pub header_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a graceful stop waits for requests in flight.
    pub drain_timeout: Duration,
    /// Failed sign-ins a minute, per principal and address.
    pub failed_sign_ins_per_minute: u32,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            management_body_bytes: 1 << 20,
            scoring_body_bytes: 16 << 20,
            artifact_bytes: 2 << 30,
            upload_chunk_bytes: 8 << 20,
            json_depth: 64,
            header_bytes: 32 << 10,
            connections: 10_000,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(40),
            failed_sign_ins_per_minute: 10,
        }
    }
}

/// Which build this is.
#[derive(Debug, Clone, Default, serde::Serialize, schemars::JsonSchema)]
pub struct BuildInfo {
    /// Semantic version.
    pub version: String,
    /// Commit, where it was known when the binary was built.
    pub commit: Option<String>,
    /// What was built in.
    pub features: Vec<String>,
}
