//! Which machines a model may be fetched from.
//!
//! The operator's `--model-hosts` names hosts. A name that is not there is never asked; and what a
//! name resolves to must be a public address, unless the operator named that very address too.
//!
//! # Invariants
//! - An address inside the operator's network is reached only where an entry spells it (or says
//!   `localhost`), however a URL, a redirect or a DNS answer writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use crate::egress::is_public;

/// One entry of `--model-hosts`: `host`, `host:port`, `address`, `address:port` or `[v6]:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelHost {
    host: String,
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl std::str::FromStr for ModelHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a host, `host:port` or an address");
        let text = text.trim();
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self {
                host: text.to_owned(),
                address: Some(canonical(address)),
                port: None,
            });
        }
        if text.contains(['/', '@', '?', '#', ' ']) {
            return Err(wrong());
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address = host.trim_matches(['[', ']']).parse().ok().map(canonical);
        if host.is_empty() || (address.is_none() && host.contains([':', '[', ']'])) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_ascii_lowercase(), address, port })
    }
}

/// The operator's entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed(pub(super) Vec<ModelHost>);

impl Allowed {
    /// Whether an entry names the host and port of `url`.
    pub(super) fn names(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        let literal = address_of(url);
        self.0.iter().any(|entry| {
            entry.port.is_none_or(|named| named == port)
                && match literal {
                    Some(address) => entry.address == Some(address),
                    None => entry.address.is_none() && entry.host.eq_ignore_ascii_case(host),
                }
        })
    }

    /// Whether a connection to `address`, found for `url`, may be made.
    pub(super) fn reaches(&self, url: &Url, address: IpAddr) -> bool {
        let address = canonical(address);
        if is_public(address) {
            return true;
        }
        let port = url.port_or_known_default();
        let says_localhost =
            address.is_loopback() && url.host_str().is_some_and(|host| host == "localhost");
        says_localhost
            || self.0.iter().any(|entry| {
                entry.address == Some(address) && entry.port.is_none_or(|named| Some(named) == port)
            })
    }
}

/// The address that a URL spells instead of a name. `Url` has undone hex, octal and short forms.
pub(super) fn address_of(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_matches(['[', ']']).parse().ok().map(canonical)
}

/// The IPv4 address that an IPv6 one stands for.
fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b, c, d, e, f) {
        // Mapped, and the translation prefix of NAT64.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(v4(high, low)),
        // Compatible; `::` and `::1` are themselves.
        (0, 0, 0, 0, 0, 0) if high != 0 => Some(v4(high, low)),
        // 6to4.
        (0x2002, high, low, ..) => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> Allowed {
        Allowed(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn only_named_hosts_and_ports_are_asked() {
        let allowed = allowed(&["models.example", "other.example:8443", "10.0.0.7:80"]);

        for good in [
            "https://Models.Example/m",
            "http://models.example:81/m",
            "https://other.example:8443/",
            "http://10.0.0.7/m",
        ] {
            assert!(allowed.names(&url(good)), "{good}");
        }
        for bad in [
            "https://evil.example/",
            "https://models.example.evil.example/",
            "https://other.example/",
            "http://10.0.0.7:81/",
            "http://127.0.0.1/",
        ] {
            assert!(!allowed.names(&url(bad)), "{bad}");
        }
    }

    #[test]
    fn an_address_inside_is_reached_only_where_an_entry_spells_it() {
        let name = url("https://models.example/m");
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "168.63.129.16",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "::7f00:1",
            "2001:db8::1",
            "ff02::1",
            "fec0::1",
        ];
        for address in inside {
            assert!(
                !allowed(&["models.example"]).reaches(&name, address.parse().unwrap()),
                "{address}"
            );
            assert!(
                allowed(&["models.example", address]).reaches(&name, address.parse().unwrap()),
                "{address}"
            );
        }
        for address in ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"] {
            assert!(
                allowed(&["models.example"]).reaches(&name, address.parse().unwrap()),
                "{address}"
            );
        }
    }

    #[test]
    fn other_spellings_of_loopback_are_loopback() {
        let none = allowed(&["models.example"]);
        for spelling in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
        ] {
            let url = url(spelling);
            assert_eq!(address_of(&url), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), "{spelling}");
            assert!(!none.names(&url), "{spelling}");
        }
        assert!(allowed(&["127.0.0.1:80"]).names(&url("http://2130706433/")));
    }

    #[test]
    fn what_is_no_host_is_no_entry() {
        for bad in ["", "http://x", "a/b", "host:port", "u@h", ":80", "a b"] {
            assert!(bad.parse::<ModelHost>().is_err(), "{bad}");
        }
        assert!("[::1]:8080".parse::<ModelHost>().is_ok());
    }
}
