//! Calls to other servers: bounded in size and time, and led astray by nobody.
//!
//! An operator names the hosts that may be anywhere, this machine included. Every other host must be
//! reached over HTTPS at a public address: what a document or a name server says must not lead to the
//! insides of a network.
//!
//! # Invariants
//! - The address that is checked is the address that is called: the check is in the resolver.
//! - Redirects are not followed.
//! - No more than `limit` bytes of an answer are kept.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Certificate, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Time for connecting, and for a whole answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// Why another server could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    /// The address must not be called.
    #[error("`{0}` is not a public HTTPS address, and its host is not one that the operator named")]
    Refused(String),
    /// No answer, or none that could be read.
    #[error("`{0}` could not be read")]
    Unreachable(String, #[source] reqwest::Error),
    /// An answer that is no success.
    #[error("`{0}` answered {1}")]
    Answered(String, u16),
    /// The answer is too long.
    #[error("`{0}` answered more than {1} bytes")]
    TooLong(String, usize),
    /// The certificates to trust cannot be read.
    #[error("`{0}` holds no certificates in PEM form")]
    Certificates(String),
    /// The client could not be made.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
}

/// A careful HTTP client.
#[derive(Clone)]
pub(crate) struct Egress {
    http: reqwest::Client,
    named: Arc<[String]>,
}

impl Egress {
    /// `named` hosts may be anywhere; `ca_file` replaces the certificates of the system.
    pub(crate) fn new(named: &[&str], ca_file: Option<&Path>) -> Result<Self, EgressError> {
        let named: Arc<[String]> = named.iter().map(|host| host.to_ascii_lowercase()).collect();
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Guarded { named: Arc::clone(&named) });
        if let Some(path) = ca_file {
            builder = builder.tls_certs_only(certificates(path)?);
        }
        Ok(Self { http: builder.build().map_err(EgressError::Setup)?, named })
    }

    /// Reads a whole answer of at most `limit` bytes.
    pub(crate) async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, EgressError> {
        let url = self.allowed(url)?;
        self.read(self.http.get(url.clone()), &url, limit).await
    }

    /// Sends a form and reads a whole answer of at most `limit` bytes.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        form: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<u8>, EgressError> {
        let url = self.allowed(url)?;
        self.read(self.http.post(url.clone()).form(form), &url, limit).await
    }

    /// The address, if it may be called. Host names are checked again when they are resolved.
    fn allowed(&self, url: &str) -> Result<Url, EgressError> {
        let refused = || EgressError::Refused(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let host = parsed.host_str().ok_or_else(refused)?.to_ascii_lowercase();
        if self.named.contains(&host) {
            return Ok(parsed);
        }
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if parsed.scheme() != "https" || literal.is_some_and(|address| !is_public(address)) {
            return Err(refused());
        }
        Ok(parsed)
    }

    async fn read(
        &self,
        request: reqwest::RequestBuilder,
        url: &Url,
        limit: usize,
    ) -> Result<Vec<u8>, EgressError> {
        let shown = shown(url);
        let unreachable =
            |error: reqwest::Error| EgressError::Unreachable(shown.clone(), error.without_url());
        let mut answer = request.send().await.map_err(unreachable)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > limit {
                return Err(EgressError::TooLong(shown, limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !answer.status().is_success() {
            return Err(EgressError::Answered(shown, answer.status().as_u16()));
        }
        Ok(bytes)
    }
}

/// An address as a log may show it: without query and credentials.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// Resolves names to public addresses only, unless the operator named the host.
struct Guarded {
    named: Arc<[String]>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let anywhere = self.named.contains(&host);
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> =
                found.filter(|address| anywhere || is_public(address.ip())).collect();
            if addresses.is_empty() {
                return Err(format!("`{host}` has no public address").into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public network: what the registries reserve is not.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let reserved = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        // Azure's own metadata service.
        || [a, b, c, d] == [168, 63, 129, 16]
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // ::/96 and ::ffff:0:0/96 carry an IPv4 address, 64:ff9b::/96 translates to one, 2002::/16
        // tunnels to one.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => high != 0 && embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, ..] => false,
        [0x2002, high, low, ..] => embedded(high, low),
        // Documentation, Teredo and the other special blocks of 2001::/23.
        [0x2001, 0x0db8, ..] | [0x2001, 0..=0x01ff, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Of everything else only 2000::/3 is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<Certificate>, EgressError> {
    let unusable = || EgressError::Certificates(path.display().to_string());
    let pem = std::fs::read(path).map_err(|_| unusable())?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| unusable())?;
    if certificates.is_empty() { Err(unusable()) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_a_network_are_not_public_however_they_are_written() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
