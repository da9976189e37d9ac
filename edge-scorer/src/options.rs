//! The options of `serve`: names, help, defaults, and which combinations cannot be meant.
//!
//! Long because it is a list: one entry per option in [`ServeOptions`], its type once more in [`Settings`], its
//! default in [`DEFAULTS`]. Where a value comes from is decided in [`crate::settings`].

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Exit, Failure},
    units::{ByteSize, TimeSpan},
};

/// What holds when nobody says otherwise, as a configuration file.
pub(crate) const DEFAULTS: &str = r#"
listen = "127.0.0.1:8080"
data = "data"
demo = false
location = "local"
tls-self-signed = false
allow-host = []
cors-origin = []
trusted-proxy = []
proxy-header = "x-forwarded-for"
model-hosts = []
registry-plain-http = false
observe-every = "1s"
score-timeout = "30s"
max-score-body = "16MiB"
max-management-body = "1MiB"
max-artifact = "2GiB"
max-upload-chunk = "8MiB"
max-archive = "512MiB"
max-archive-unpacked = "2GiB"
max-archive-entries = 10000
max-headers = "32KiB"
max-json-depth = 64
max-connections = 10000
header-timeout = "30s"
idle-timeout = "1m"
drain-timeout = "40s"
max-failed-sign-ins = 10
token-lifetime = "1h"
clock-skew = "1m"
signing-key-age = "720h"
audit-retention = "2160h"
oidc-audience = []
oidc-subject-claim = "sub"
oidc-groups-claim = "groups"
oidc-name = "Single sign-on"
compile-timeout = "1m"
compile-memory = "4GiB"
max-module = "512MiB"
guest-memory = "512MiB"
log-format = "text"
log = "info"
"#;

/// The options of `serve`, each of which may be absent from a source.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ServeOptions {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS", env = "EDGE_SCORER_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Folder of everything that is kept; made when missing [default: data].
    #[arg(long, value_name = "FOLDER", env = "EDGE_SCORER_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Install a demo: a breast-cancer classifier as the service `breast-cancer` [default: false].
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "EDGE_SCORER_DEMO")]
    pub(crate) demo: Option<bool>,

    /// On the first start, write the administrator's credentials here as JSON, readable by you only.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_BOOTSTRAP_FILE")]
    pub(crate) bootstrap_file: Option<PathBuf>,

    /// Region that new accounts are given [default: local].
    #[arg(long, value_name = "NAME", env = "EDGE_SCORER_LOCATION")]
    pub(crate) location: Option<String>,

    /// Key that the store's secrets are encrypted with [default: master.key in the data folder].
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,

    /// Serve HTTPS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_TLS_CERT", help_heading = "Network")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_TLS_KEY", help_heading = "Network")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Serve HTTPS with a certificate made and kept in the data folder [default: false].
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "EDGE_SCORER_TLS_SELF_SIGNED", help_heading = "Network")]
    pub(crate) tls_self_signed: Option<bool>,

    /// Base of every link, where callers reach the server by another address.
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_PUBLIC_URL", help_heading = "Network")]
    pub(crate) public_url: Option<String>,

    /// A name callers may reach the server by, besides loopback names and the listen address; may be repeated.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "EDGE_SCORER_ALLOW_HOST",
        help_heading = "Network"
    )]
    pub(crate) allow_host: Option<Vec<String>>,

    /// An origin, such as https://app.example, whose pages may call the scoring routes; may be repeated.
    #[arg(
        long,
        value_name = "ORIGIN",
        value_delimiter = ',',
        env = "EDGE_SCORER_CORS_ORIGIN",
        help_heading = "Network"
    )]
    pub(crate) cors_origin: Option<Vec<String>>,

    /// A proxy, as address or network such as 10.0.0.0/8, whose word about the caller's address is taken; may be repeated.
    #[arg(
        long,
        value_name = "NETWORK",
        value_delimiter = ',',
        env = "EDGE_SCORER_TRUSTED_PROXY",
        help_heading = "Network"
    )]
    pub(crate) trusted_proxy: Option<Vec<String>>,

    /// The one header in which trusted proxies name the caller [default: x-forwarded-for].
    #[arg(long, value_name = "NAME", env = "EDGE_SCORER_PROXY_HEADER", help_heading = "Network")]
    pub(crate) proxy_header: Option<ProxyHeaderName>,

    /// Address and port that serves /metrics to anybody, in plain HTTP and nothing else [default: none].
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "EDGE_SCORER_METRICS_LISTEN",
        help_heading = "Network"
    )]
    pub(crate) metrics_listen: Option<SocketAddr>,

    /// A host that models may be fetched from by url, as host or host:port; one inside a private network is also
    /// named by its address; may be repeated.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "EDGE_SCORER_MODEL_HOSTS",
        help_heading = "Models and images"
    )]
    pub(crate) model_hosts: Option<Vec<String>>,

    /// An OCI registry that images are pushed to and models may be pulled from, as host[:port][/prefix].
    #[arg(
        long,
        value_name = "REGISTRY",
        env = "EDGE_SCORER_REGISTRY",
        help_heading = "Models and images"
    )]
    pub(crate) registry: Option<String>,

    /// User at the registry.
    #[arg(
        long,
        value_name = "NAME",
        env = "EDGE_SCORER_REGISTRY_USER",
        help_heading = "Models and images"
    )]
    pub(crate) registry_user: Option<String>,

    /// File with that user's password.
    #[arg(
        long,
        value_name = "FILE",
        env = "EDGE_SCORER_REGISTRY_PASSWORD_FILE",
        help_heading = "Models and images"
    )]
    pub(crate) registry_password_file: Option<PathBuf>,

    /// Speak plain HTTP to the registry [default: false].
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "EDGE_SCORER_REGISTRY_PLAIN_HTTP", help_heading = "Models and images")]
    pub(crate) registry_plain_http: Option<bool>,

    /// Most time for one scoring call [default: 30s].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_SCORE_TIMEOUT", help_heading = "Limits")]
    pub(crate) score_timeout: Option<TimeSpan>,

    /// Largest scoring request [default: 16MiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_MAX_SCORE_BODY", help_heading = "Limits")]
    pub(crate) max_score_body: Option<ByteSize>,

    /// Largest management request [default: 1MiB].
    #[arg(
        long,
        value_name = "SIZE",
        env = "EDGE_SCORER_MAX_MANAGEMENT_BODY",
        help_heading = "Limits"
    )]
    pub(crate) max_management_body: Option<ByteSize>,

    /// Largest uploaded file [default: 2GiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_MAX_ARTIFACT", help_heading = "Limits")]
    pub(crate) max_artifact: Option<ByteSize>,

    /// Largest chunk of an upload [default: 8MiB].
    #[arg(
        long,
        value_name = "SIZE",
        env = "EDGE_SCORER_MAX_UPLOAD_CHUNK",
        help_heading = "Limits"
    )]
    pub(crate) max_upload_chunk: Option<ByteSize>,

    /// Largest model archive, packed [default: 512MiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_MAX_ARCHIVE", help_heading = "Limits")]
    pub(crate) max_archive: Option<ByteSize>,

    /// Largest model archive, unpacked [default: 2GiB].
    #[arg(
        long,
        value_name = "SIZE",
        env = "EDGE_SCORER_MAX_ARCHIVE_UNPACKED",
        help_heading = "Limits"
    )]
    pub(crate) max_archive_unpacked: Option<ByteSize>,

    /// Most files of a model archive [default: 10000].
    #[arg(
        long,
        value_name = "N",
        env = "EDGE_SCORER_MAX_ARCHIVE_ENTRIES",
        help_heading = "Limits"
    )]
    pub(crate) max_archive_entries: Option<u32>,

    /// Largest headers of a request [default: 32KiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_MAX_HEADERS", help_heading = "Limits")]
    pub(crate) max_headers: Option<ByteSize>,

    /// Deepest nesting of JSON [default: 64].
    #[arg(long, value_name = "N", env = "EDGE_SCORER_MAX_JSON_DEPTH", help_heading = "Limits")]
    pub(crate) max_json_depth: Option<u32>,

    /// Most open connections [default: 10000].
    #[arg(long, value_name = "N", env = "EDGE_SCORER_MAX_CONNECTIONS", help_heading = "Limits")]
    pub(crate) max_connections: Option<u32>,

    /// Most time for a request's headers [default: 30s].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_HEADER_TIMEOUT", help_heading = "Limits")]
    pub(crate) header_timeout: Option<TimeSpan>,

    /// Most time a connection may stay idle [default: 1m].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_IDLE_TIMEOUT", help_heading = "Limits")]
    pub(crate) idle_timeout: Option<TimeSpan>,

    /// Most time a graceful stop waits for requests in flight [default: 40s].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_DRAIN_TIMEOUT", help_heading = "Limits")]
    pub(crate) drain_timeout: Option<TimeSpan>,

    /// Failed sign-ins a minute, per principal and address [default: 10].
    #[arg(
        long,
        value_name = "N",
        env = "EDGE_SCORER_MAX_FAILED_SIGN_INS",
        help_heading = "Limits"
    )]
    pub(crate) max_failed_sign_ins: Option<u32>,

    /// How long an access token lives [default: 1h].
    #[arg(
        long,
        value_name = "TIME",
        env = "EDGE_SCORER_TOKEN_LIFETIME",
        help_heading = "Identity"
    )]
    pub(crate) token_lifetime: Option<TimeSpan>,

    /// How far the clocks of those who make and read tokens may differ [default: 1m].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_CLOCK_SKEW", help_heading = "Identity")]
    pub(crate) clock_skew: Option<TimeSpan>,

    /// Age at which the key that signs access tokens is replaced [default: 720h].
    #[arg(
        long,
        value_name = "TIME",
        env = "EDGE_SCORER_SIGNING_KEY_AGE",
        help_heading = "Identity"
    )]
    pub(crate) signing_key_age: Option<TimeSpan>,

    /// How long the audit log is kept [default: 2160h].
    #[arg(
        long,
        value_name = "TIME",
        env = "EDGE_SCORER_AUDIT_RETENTION",
        help_heading = "Identity"
    )]
    pub(crate) audit_retention: Option<TimeSpan>,

    /// Accept tokens of this OpenID Connect issuer too, such as https://login.example/tenant.
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_OIDC_ISSUER", help_heading = "Identity")]
    pub(crate) oidc_issuer: Option<String>,

    /// The audience that tokens of the outside issuer must have; may be repeated.
    #[arg(
        long,
        value_name = "TEXT",
        value_delimiter = ',',
        env = "EDGE_SCORER_OIDC_AUDIENCE",
        help_heading = "Identity"
    )]
    pub(crate) oidc_audience: Option<Vec<String>>,

    /// The claim that names a person or client of the outside issuer [default: sub].
    #[arg(
        long,
        value_name = "CLAIM",
        env = "EDGE_SCORER_OIDC_SUBJECT_CLAIM",
        help_heading = "Identity"
    )]
    pub(crate) oidc_subject_claim: Option<String>,

    /// The claim with the groups of the outside issuer [default: groups].
    #[arg(
        long,
        value_name = "CLAIM",
        env = "EDGE_SCORER_OIDC_GROUPS_CLAIM",
        help_heading = "Identity"
    )]
    pub(crate) oidc_groups_claim: Option<String>,

    /// Let people sign in at the outside issuer, as this client of it.
    #[arg(long, value_name = "ID", env = "EDGE_SCORER_OIDC_CLIENT_ID", help_heading = "Identity")]
    pub(crate) oidc_client_id: Option<String>,

    /// File with that client's secret, if it has one.
    #[arg(
        long,
        value_name = "FILE",
        env = "EDGE_SCORER_OIDC_CLIENT_SECRET_FILE",
        help_heading = "Identity"
    )]
    pub(crate) oidc_client_secret_file: Option<PathBuf>,

    /// What to call the outside issuer on the sign-in page [default: Single sign-on].
    #[arg(long, value_name = "TEXT", env = "EDGE_SCORER_OIDC_NAME", help_heading = "Identity")]
    pub(crate) oidc_name: Option<String>,

    /// Trust the certificates in this PEM file when the outside issuer is asked.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_OIDC_CA_FILE", help_heading = "Identity")]
    pub(crate) oidc_ca_file: Option<PathBuf>,

    /// Most time for compiling a model [default: 1m].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_COMPILE_TIMEOUT", help_heading = "Limits")]
    pub(crate) compile_timeout: Option<TimeSpan>,

    /// Most memory for compiling a model [default: 4GiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_COMPILE_MEMORY", help_heading = "Limits")]
    pub(crate) compile_memory: Option<ByteSize>,

    /// Largest WebAssembly module [default: 512MiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_MAX_MODULE", help_heading = "Limits")]
    pub(crate) max_module: Option<ByteSize>,

    /// Most memory of one running scorer, where a service does not say less [default: 512MiB].
    #[arg(long, value_name = "SIZE", env = "EDGE_SCORER_GUEST_MEMORY", help_heading = "Limits")]
    pub(crate) guest_memory: Option<ByteSize>,

    /// An OpenTelemetry collector that takes the traces of services with `appInsightsEnabled`, as http://host:4318.
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_OTLP_ENDPOINT", help_heading = "Log")]
    pub(crate) otlp_endpoint: Option<String>,

    /// How often collected calls and traces are written to the data folder [default: 1s].
    #[arg(long, value_name = "TIME", env = "EDGE_SCORER_OBSERVE_EVERY", help_heading = "Log")]
    pub(crate) observe_every: Option<TimeSpan>,

    /// How log lines are written to stderr [default: text].
    #[arg(long, value_name = "FORMAT", env = "EDGE_SCORER_LOG_FORMAT", help_heading = "Log")]
    pub(crate) log_format: Option<LogFormat>,

    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,api=debug` [default: info].
    #[arg(long, value_name = "FILTER", env = "EDGE_SCORER_LOG", help_heading = "Log")]
    pub(crate) log: Option<String>,
}

/// The options of `serve` once every source was heard. Fields as in [`ServeOptions`].
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) demo: bool,
    pub(crate) bootstrap_file: Option<PathBuf>,
    pub(crate) location: String,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_self_signed: bool,
    pub(crate) public_url: Option<String>,
    pub(crate) allow_host: Vec<String>,
    pub(crate) cors_origin: Vec<String>,
    pub(crate) trusted_proxy: Vec<String>,
    pub(crate) proxy_header: ProxyHeaderName,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) model_hosts: Vec<String>,
    pub(crate) registry: Option<String>,
    pub(crate) registry_user: Option<String>,
    pub(crate) registry_password_file: Option<PathBuf>,
    pub(crate) registry_plain_http: bool,
    pub(crate) score_timeout: TimeSpan,
    pub(crate) max_score_body: ByteSize,
    pub(crate) max_management_body: ByteSize,
    pub(crate) max_artifact: ByteSize,
    pub(crate) max_upload_chunk: ByteSize,
    pub(crate) max_archive: ByteSize,
    pub(crate) max_archive_unpacked: ByteSize,
    pub(crate) max_archive_entries: u32,
    pub(crate) max_headers: ByteSize,
    pub(crate) max_json_depth: u32,
    pub(crate) max_connections: u32,
    pub(crate) header_timeout: TimeSpan,
    pub(crate) idle_timeout: TimeSpan,
    pub(crate) drain_timeout: TimeSpan,
    pub(crate) max_failed_sign_ins: u32,
    pub(crate) token_lifetime: TimeSpan,
    pub(crate) clock_skew: TimeSpan,
    pub(crate) signing_key_age: TimeSpan,
    pub(crate) audit_retention: TimeSpan,
    pub(crate) oidc_issuer: Option<String>,
    pub(crate) oidc_audience: Vec<String>,
    pub(crate) oidc_subject_claim: String,
    pub(crate) oidc_groups_claim: String,
    pub(crate) oidc_client_id: Option<String>,
    pub(crate) oidc_client_secret_file: Option<PathBuf>,
    pub(crate) oidc_name: String,
    pub(crate) oidc_ca_file: Option<PathBuf>,
    pub(crate) compile_timeout: TimeSpan,
    pub(crate) compile_memory: ByteSize,
    pub(crate) max_module: ByteSize,
    pub(crate) guest_memory: ByteSize,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) observe_every: TimeSpan,
    pub(crate) log_format: LogFormat,
    pub(crate) log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProxyHeaderName {
    /// X-Forwarded-For: client, proxy
    XForwardedFor,
    /// Forwarded: for=client, for=proxy (RFC 7239)
    Forwarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One object per line, for programs
    Json,
}

impl Settings {
    /// Refuses combinations that cannot be meant.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let usage = |message: &str| Err(Failure::new(Exit::Usage, message));
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return usage("tls-cert and tls-key belong together: give both or neither");
        }
        if self.oidc_issuer.is_none()
            && (self.oidc_client_id.is_some() || !self.oidc_audience.is_empty())
        {
            return usage("oidc-audience and oidc-client-id need oidc-issuer");
        }
        if self.oidc_client_secret_file.is_some() && self.oidc_client_id.is_none() {
            return usage("oidc-client-secret-file needs oidc-client-id");
        }
        if self.tls_self_signed && self.tls_cert.is_some() {
            return usage("tls-self-signed and tls-cert exclude each other");
        }
        if let Some(url) = &self.otlp_endpoint
            && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
        {
            return usage("otlp-endpoint has the form http://host:port or https://host:port");
        }
        if self.observe_every.0.is_zero() {
            return usage("observe-every is more than nothing");
        }
        if self.registry_user.is_some() != self.registry_password_file.is_some() {
            return usage(
                "registry-user and registry-password-file belong together: give both or neither",
            );
        }
        if self.registry.is_none() && (self.registry_user.is_some() || self.registry_plain_http) {
            return usage("registry-user and registry-plain-http say nothing without registry");
        }
        if self.public_url.as_deref().is_some_and(|url| !is_origin(url)) {
            return usage(
                "public-url has the form https://host[:port], without a path or credentials",
            );
        }
        if self.cors_origin.iter().any(|origin| !is_origin(origin)) {
            return usage(
                "cors-origin has the form https://host[:port], as browsers send it, without a path",
            );
        }
        Ok(())
    }

    /// The public address without a trailing slash.
    pub(crate) fn public_base(&self) -> Option<String> {
        self.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned())
    }

    pub(crate) fn uses_tls(&self) -> bool {
        self.tls_self_signed || self.tls_cert.is_some()
    }
}

/// Scheme and host, perhaps with a port, and nothing behind them but a slash.
fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.trim_end_matches('/'));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '*']))
}
