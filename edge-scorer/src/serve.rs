//! `serve`: opens the domain, puts the HTTP side in front of it, and stops both in order.
//!
//! # Invariants
//! - `listening on URL` is the first line of stdout, and nothing is printed there before the port is open.
//! - Secrets are printed on a terminal only; the bootstrap file is for its owner alone and written once.
//! - A stop by signal finishes the requests in flight; a second signal does not wait for them.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use api::{ApiConfig, ApiLimits, BuildInfo, InvalidNetwork, Proxies, ProxyHeader, TlsChoice};
use control::{
    Control, ControlConfig, FirstStart, OpenError, Opened, OutsideClient, OutsideIssuer, Registry,
    TraceExport,
};
use shared::{Bootstrap, paths};
use tokio::{net::TcpListener, signal};

use crate::{
    arguments::ServeArguments,
    console,
    failure::{Exit, Failure},
    files, log,
    options::{ProxyHeaderName, Settings},
    settings::Resolved,
    terminal::Terminal,
};

/// A gradient-boosting classifier of the breast-cancer data set; `tests/models/train.py` makes it.
static DEMO: &[u8] = include_bytes!("../../tests/models/breast_cancer_gbdt.onnx");

/// The file in the data folder that says where the server was last reached.
const ENDPOINT_FILE: &str = "endpoint";

pub(crate) fn run(
    arguments: &ServeArguments,
    matches: &clap::ArgMatches,
    terminal: Terminal,
) -> Result<(), Failure> {
    let resolved = Resolved::new(&arguments.options, matches, arguments.config.as_deref())?;
    let settings = resolved.settings()?;
    if arguments.print_config {
        io::stdout().write_all(resolved.print().as_bytes())?;
        return Ok(());
    }
    log::start(&settings, terminal)?;
    // Connections are file descriptors; the usual soft limit is a tenth of what we serve.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(serve(&settings, terminal));
    // Blocking work that outlives the drain, such as a long scoring call, is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    ended
}

async fn serve(settings: &Settings, terminal: Terminal) -> Result<(), Failure> {
    let stop = Stop::listen()?;
    let listener = bind(settings.listen).await?;
    let address = listener.local_addr()?;
    check_bootstrap_folder(settings)?;
    let proxies = proxies(settings)?;
    let endpoint = settings.public_base().unwrap_or_else(|| local_endpoint(address, settings));

    let Opened { control, first_start } =
        Control::open(control_config(settings)?).await.map_err(open_failure)?;
    if let Some(first) = &first_start {
        write_bootstrap(settings, &endpoint, first)?;
    } else if let Some(path) = settings.bootstrap_file.as_deref().filter(|path| !path.exists()) {
        terminal.warn(&format!(
            "`{}` is written on the first start only, and this data folder has had it; \
             `edge-scorer admin reset-secret --data {}` makes a new secret",
            path.display(),
            settings.data.display()
        ));
    }
    // A certificate names the public host; without one, this machine needs no way around.
    let near =
        if settings.uses_tls() { endpoint.clone() } else { local_endpoint(address, settings) };
    let reached = format!("{endpoint}\n{near}\n");
    files::replace(&settings.data.join(ENDPOINT_FILE), reached.as_bytes(), 0o644)?;

    let tls = tls_choice(settings, address)?;
    let config = api_config(settings, address, proxies);
    let limits = config.limits.clone();
    let router = api::router(control.clone(), config);
    let scraped = match settings.metrics_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let metrics = scraped.as_ref().map(TcpListener::local_addr).transpose()?;
    announce(&endpoint, metrics, &tls, &control, first_start, terminal).await?;
    if settings.demo {
        tokio::spawn(install_demo(control.clone()));
    }
    let scrapes = scraped.map(|listener| {
        let (metrics, limits) = (router.metrics_only(), limits.clone());
        let never = std::future::pending();
        tokio::spawn(api::serve(listener, metrics, TlsChoice::Plain, limits, never))
    });
    let served = api::serve(listener, router, tls, limits, stop.requested()).await;
    if let Some(scrapes) = scrapes {
        scrapes.abort();
    }
    control.shutdown().await;
    served.map_err(|error| Failure::new(Exit::Internal, error.to_string()).because(error))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            return Failure::new(Exit::InUse, format!("the address {address} is in use"))
                .hint("choose another with --listen, or port 0 for a free one");
        }
        Failure::new(Exit::Internal, format!("cannot listen on {address}")).because(error)
    })
}

/// How programs on this machine reach the server.
fn local_endpoint(address: SocketAddr, settings: &Settings) -> String {
    let scheme = if settings.uses_tls() { "https" } else { "http" };
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}

fn control_config(settings: &Settings) -> Result<ControlConfig, Failure> {
    let executable = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Internal, "the program's own path is unknown").because(error)
    })?;
    let mut config = ControlConfig::new(&settings.data, executable);
    config.public_url = settings.public_base();
    config.location.clone_from(&settings.location);
    config.master_key_file.clone_from(&settings.master_key_file);
    config.score_timeout = settings.score_timeout.0;
    config.token_lifetime = settings.token_lifetime.0;
    config.clock_skew = settings.clock_skew.0;
    config.signing_key_age = settings.signing_key_age.0;
    config.audit_retention = settings.audit_retention.0;
    config.outside = outside_issuer(settings)?;
    config.model_hosts = settings
        .model_hosts
        .iter()
        .map(|host| host.parse().map_err(|error: String| Failure::new(Exit::Usage, error)))
        .collect::<Result<_, _>>()?;
    config.registry = registry(settings)?;
    config.trace_export = settings.otlp_endpoint.clone().map(|endpoint| TraceExport { endpoint });
    config.observe_every = settings.observe_every.0;
    config.limits = control::Limits {
        artifact_bytes: settings.max_artifact.0,
        upload_chunk_bytes: settings.max_upload_chunk.0,
        archive_packed_bytes: settings.max_archive.0,
        archive_unpacked_bytes: settings.max_archive_unpacked.0,
        archive_entries: u64::from(settings.max_archive_entries),
        compile_time: settings.compile_timeout.0,
        compile_memory_bytes: settings.compile_memory.0,
        module_bytes: settings.max_module.0,
        guest_memory_bytes: settings.guest_memory.0,
        failed_sign_ins_per_minute: settings.max_failed_sign_ins,
        ..control::Limits::default()
    };
    Ok(config)
}

fn outside_issuer(settings: &Settings) -> Result<Option<OutsideIssuer>, Failure> {
    let Some(issuer) = settings.oidc_issuer.clone() else { return Ok(None) };
    let secret = match &settings.oidc_client_secret_file {
        None => None,
        Some(path) => Some(fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Usage, format!("cannot read `{}`", path.display())).because(error)
        })?),
    };
    let client = settings.oidc_client_id.clone().map(|id| OutsideClient {
        id,
        secret: secret.map(|secret| secret.trim().to_owned()),
        name: settings.oidc_name.clone(),
    });
    Ok(Some(OutsideIssuer {
        issuer,
        audiences: settings.oidc_audience.clone(),
        subject_claim: settings.oidc_subject_claim.clone(),
        groups_claim: settings.oidc_groups_claim.clone(),
        ca_file: settings.oidc_ca_file.clone(),
        clock_skew: settings.clock_skew.0,
        client,
    }))
}

/// Where images go, with the password from its file.
fn registry(settings: &Settings) -> Result<Option<Registry>, Failure> {
    let Some(text) = &settings.registry else { return Ok(None) };
    let mut registry: Registry =
        text.parse().map_err(|error: String| Failure::new(Exit::Usage, error))?;
    registry.plain_http = settings.registry_plain_http;
    if let (Some(user), Some(file)) = (&settings.registry_user, &settings.registry_password_file) {
        let password = fs::read_to_string(file).map_err(|error| {
            Failure::new(Exit::Usage, format!("cannot read `{}`", file.display())).because(error)
        })?;
        registry.credentials = Some((user.clone(), password.trim_end().to_owned()));
    }
    Ok(Some(registry))
}

fn api_config(settings: &Settings, address: SocketAddr, proxies: Proxies) -> ApiConfig {
    // A size beyond the address space is no limit.
    let size = |bytes: crate::units::ByteSize| usize::try_from(bytes.0).unwrap_or(usize::MAX);
    ApiConfig {
        public_url: settings.public_base(),
        listen: address,
        tls: settings.uses_tls(),
        allow_hosts: settings.allow_host.clone(),
        cors_origins: settings.cors_origin.clone(),
        proxies,
        limits: ApiLimits {
            management_body_bytes: size(settings.max_management_body),
            scoring_body_bytes: size(settings.max_score_body),
            artifact_bytes: settings.max_artifact.0,
            upload_chunk_bytes: size(settings.max_upload_chunk),
            json_depth: settings.max_json_depth as usize,
            header_bytes: size(settings.max_headers),
            connections: settings.max_connections as usize,
            header_timeout: settings.header_timeout.0,
            idle_timeout: settings.idle_timeout.0,
            drain_timeout: settings.drain_timeout.0,
            failed_sign_ins_per_minute: settings.max_failed_sign_ins,
        },
        console: console::packed(),
        build: build_info(),
    }
}

fn proxies(settings: &Settings) -> Result<Proxies, Failure> {
    let trusted = settings.trusted_proxy.iter().map(|text| {
        text.parse().map_err(|error: InvalidNetwork| {
            Failure::new(Exit::Usage, format!("trusted-proxy: {error}"))
        })
    });
    let header = match settings.proxy_header {
        ProxyHeaderName::XForwardedFor => ProxyHeader::XForwardedFor,
        ProxyHeaderName::Forwarded => ProxyHeader::Forwarded,
    };
    Ok(Proxies { trusted: trusted.collect::<Result<_, _>>()?, header })
}

/// What `GET /api/version` tells.
fn build_info() -> BuildInfo {
    let console = env!("EDGE_SCORER_CONSOLE") == "true";
    let features = ["tls", "oci-registry", "otlp"].into_iter().chain(console.then_some("console"));
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: Some(env!("EDGE_SCORER_COMMIT").to_owned()),
        features: features.map(str::to_owned).collect(),
    }
}

fn tls_choice(settings: &Settings, address: SocketAddr) -> Result<TlsChoice, Failure> {
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(TlsChoice::Files { certificate: certificate.clone(), key: key.clone() })
        }
        _ if settings.tls_self_signed => TlsChoice::self_signed(&settings.data, address)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()).because(error)),
        _ => Ok(TlsChoice::Plain),
    }
}

/// Credentials that cannot be written would be lost: better not to make a store at all.
fn check_bootstrap_folder(settings: &Settings) -> Result<(), Failure> {
    let folder = settings.bootstrap_file.as_deref().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => Err(Failure::new(
            Exit::Usage,
            format!("the folder `{}` of the bootstrap file does not exist", folder.display()),
        )),
    }
}

fn write_bootstrap(settings: &Settings, endpoint: &str, first: &FirstStart) -> Result<(), Failure> {
    let Some(path) = &settings.bootstrap_file else { return Ok(()) };
    let bootstrap = Bootstrap {
        endpoint: endpoint.to_owned(),
        tenant_id: first.tenant_id.clone(),
        client_id: first.client_id.clone(),
        client_secret: first.client_secret.clone(),
        subscription_id: first.subscription_id.clone(),
        resource_group: first.resource_group.clone(),
        workspace: first.workspace.clone(),
        account: first.account.clone(),
        sign_in_link: sign_in_link(endpoint, &first.sign_in_token),
    };
    let mut text = serde_json::to_vec_pretty(&bootstrap).map_err(io::Error::from)?;
    text.push(b'\n');
    files::replace(path, &text, 0o600).map_err(|failure| {
        failure.hint(format!(
            "the store was made; `edge-scorer admin reset-secret --data {}` gives its credentials",
            settings.data.display()
        ))
    })
}

/// The one-time address that opens the console.
pub(crate) fn sign_in_link(endpoint: &str, token: &str) -> String {
    format!("{endpoint}{}#{token}", paths::SIGN_IN)
}

/// Where people reached the server of a data folder last.
pub(crate) fn last_endpoint(data: &Path) -> Option<String> {
    Some(fs::read_to_string(data.join(ENDPOINT_FILE)).ok()?.lines().next()?.to_owned())
}

/// Where programs on the same machine reached it last.
pub(crate) fn last_near_endpoint(data: &Path) -> Option<String> {
    Some(fs::read_to_string(data.join(ENDPOINT_FILE)).ok()?.lines().last()?.to_owned())
}

async fn announce(
    endpoint: &str,
    metrics: Option<SocketAddr>,
    tls: &TlsChoice,
    control: &Control,
    first_start: Option<FirstStart>,
    terminal: Terminal,
) -> Result<(), Failure> {
    let mut lines = format!("listening on {endpoint}\n");
    if let Some(address) = metrics {
        lines.push_str(&format!("metrics on http://{address}/metrics\n"));
    }
    if let TlsChoice::Files { certificate, .. } = tls {
        terminal.note(&format!("clients must trust {}", certificate.display()));
    }
    if io::stdout().is_terminal() {
        let token = match first_start {
            // With a bootstrap file the link is there as well: one token, whoever comes first.
            Some(first) => first.sign_in_token,
            None => control
                .sign_in_token()
                .await
                .map_err(|error| Failure::new(Exit::Internal, error.to_string()).because(error))?,
        };
        lines.push_str(&format!(
            "sign in within 15 minutes, once: {}\n",
            sign_in_link(endpoint, &token)
        ));
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

async fn install_demo(control: Control) {
    match control.install_demo(DEMO).await {
        Ok(()) => tracing::info!("the demo service `breast-cancer` is installed"),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the demo could not be installed"
        ),
    }
}

/// The exit code for a data folder that cannot be opened.
pub(crate) fn open_failure(error: OpenError) -> Failure {
    let exit = match &error {
        OpenError::InUse(_) => Exit::InUse,
        OpenError::NoStore(_) | OpenError::NoSuchPrincipal(_) | OpenError::OutsideIssuer(_) => {
            Exit::Usage
        }
        _ => Exit::Internal,
    };
    Failure::new(exit, error.to_string()).because(error)
}

/// The signals that end the server.
struct Stop {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
}

impl Stop {
    /// From here on the signals are ours.
    fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Resolves at the first signal; the second ends the process.
    async fn requested(mut self) {
        self.signal().await;
        tracing::info!("stopping: requests in flight finish first");
        tokio::spawn(async move {
            self.signal().await;
            tracing::warn!("stopped by a second signal");
            std::process::exit(Exit::Internal as i32);
        });
    }

    async fn signal(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = signal::ctrl_c().await;
    }
}
