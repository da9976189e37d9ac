//! Which hosts a request may name, and the base of the absolute addresses in its answer.
//!
//! A page on another site can make a browser call us by a name of its own that resolves to our
//! address (DNS rebinding). Such a request names a host that is not ours and is refused.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hyper::{HeaderMap, Uri, header};

use crate::config::ApiConfig;

/// The hosts that are ours.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    listen: SocketAddr,
    /// Lower case; with a port only where the operator wrote one.
    named: Arc<[String]>,
}

impl Hosts {
    /// The listen address, `--allow-host` and the host of `--public-url`; loopback names always.
    pub(crate) fn new(config: &ApiConfig) -> Self {
        let public = config.public_url.as_deref().and_then(|url| {
            let uri: Uri = url.parse().ok()?;
            uri.host().map(str::to_ascii_lowercase)
        });
        let named = config.allow_hosts.iter().map(|host| host.to_ascii_lowercase()).chain(public);
        Self { listen: config.listen, named: named.collect() }
    }

    /// Whether a request may name `host`, which may carry a port.
    pub(crate) fn allows(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
        if address.is_some_and(|ip| ip.is_loopback() || ip == self.listen.ip()) {
            return true;
        }
        self.named.iter().any(|ours| match split(ours) {
            Some((ours, Some(wanted))) => ours.eq_ignore_ascii_case(name) && port == Some(wanted),
            Some((ours, None)) => ours.eq_ignore_ascii_case(name),
            None => false,
        })
    }
}

/// `host[:port]`; none when it is neither a name, an address nor a bracketed IPv6 address.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => {
            let port = host.get(colon + 1..)?;
            (host.get(..colon)?, Some(port.parse().ok()?))
        }
        _ => (host, None),
    };
    let bracketed = name.starts_with('[') && name.ends_with(']');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let fine = if bracketed {
        name.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']'))
    } else {
        !name.is_empty() && name.bytes().all(plain)
    };
    fine.then_some((name, port))
}

/// The host that a request names: HTTP/2 puts it into the target, HTTP/1.1 into a header.
pub(crate) fn requested<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST)?.to_str().ok(),
    }
}

/// The base of absolute addresses, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    /// `--public-url`, else the scheme and the host that the request names.
    pub(crate) fn of(config: &ApiConfig, host: &str) -> Self {
        match &config.public_url {
            Some(url) => Self(url.trim_end_matches('/').to_owned()),
            None => Self(format!("{}://{host}", if config.tls { "https" } else { "http" })),
        }
    }

    /// `https://host[:port]`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// An address of ours from the path on; any other stays as it is.
    ///
    /// What one caller knows as `http://localhost:8080/…` is `https://models.example/…` to another.
    pub(crate) fn relative(&self, address: &str, config: &ApiConfig) -> String {
        let public = config.public_url.as_deref().map(|url| url.trim_end_matches('/'));
        let local = ["localhost", "127.0.0.1", "[::1]"].map(|name| {
            let scheme = if config.tls { "https" } else { "http" };
            format!("{scheme}://{name}:{}", config.listen.port())
        });
        let bases = [Some(self.0.as_str()), public].into_iter().flatten();
        bases
            .chain(local.iter().map(String::as_str))
            .find_map(|base| address.strip_prefix(base).filter(|rest| rest.starts_with('/')))
            .unwrap_or(address)
            .to_owned()
    }

    /// Puts the base in front of an address that starts at the path; others stay as they are.
    pub(crate) fn absolute(&self, address: &str) -> String {
        if address.starts_with('/') { format!("{}{address}", self.0) } else { address.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let mut config = ApiConfig::new("10.1.2.3:8080".parse().unwrap());
        config.allow_hosts = vec!["edge.example".to_owned(), "lab.example:9000".to_owned()];
        config.public_url = Some("https://Models.example/base".to_owned());
        Hosts::new(&config)
    }

    #[test]
    fn loopback_names_the_listen_address_and_named_hosts_are_ours() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8080",
            "[::1]",
            "10.1.2.3:8080",
            "edge.example:443",
            "Edge.Example",
            "lab.example:9000",
            "models.example",
        ] {
            assert!(hosts().allows(host), "{host}");
        }
    }

    #[test]
    fn other_names_are_refused_even_when_they_resolve_to_us() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.1.2.4",
            "lab.example",
            "lab.example:9001",
            "localhost:x",
            "evil@localhost",
            "localhost/evil",
            "[::1",
        ] {
            assert!(!hosts().allows(host), "{host}");
        }
    }

    #[test]
    fn only_addresses_that_start_at_the_path_are_completed() {
        let config = ApiConfig::new("127.0.0.1:0".parse().unwrap());
        let endpoint = Endpoint::of(&config, "localhost:81");

        assert_eq!(endpoint.absolute("/a/b"), "http://localhost:81/a/b");
        assert_eq!(endpoint.absolute("https://else.where/m"), "https://else.where/m");
    }

    #[test]
    fn every_name_of_this_server_is_taken_off_and_no_other() {
        let config = ApiConfig::new("127.0.0.1:81".parse().unwrap());
        let endpoint = Endpoint::of(&config, "edge.lan:81");

        assert_eq!(endpoint.relative("http://edge.lan:81/a?b=c", &config), "/a?b=c");
        assert_eq!(endpoint.relative("http://localhost:81/a", &config), "/a");
        for other in ["http://localhost:82/a", "http://edge.lan:811/a", "https://x/a", "/a"] {
            assert_eq!(endpoint.relative(other, &config), other);
        }
    }
}
