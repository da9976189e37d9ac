//! Who is calling when a proxy stands in between.
//!
//! A proxy appends to a header for whom it speaks, and whatever stood there before came from outside.
//! So the list is read from its end: as long as a hop is one of the operator's proxies, the one
//! before it is believed; the first that is none is the caller.
//!
//! # Invariants
//! - Nothing is read from a header unless the connection itself comes from a trusted proxy.
//! - Of the two headers only the one that the operator named is looked at: a proxy that writes the one
//!   lets the caller's other one through.
//!
//! # Deliberately absent
//! - `X-Forwarded-Host` and `-Proto`: `--public-url` says how we are called.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName},
};

/// What most proxies write.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// A chain is no longer than this.
const MOST_HOPS: usize = 32;

/// Addresses with the same first bits, such as `10.0.0.0/8`, `fd00::/8` or `127.0.0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether the address lies in it.
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                (ours.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                (ours.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// Text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a network such as 10.0.0.0/8 or fd00::/8")]
pub struct InvalidNetwork(String);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(invalid)?,
        };
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// The header in which the trusted proxies say for whom they speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// The operator's proxies.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Where they are; nobody is believed when it is empty.
    pub trusted: Vec<Network>,
    /// What they write.
    pub header: ProxyHeader,
}

impl Proxies {
    /// Who is calling over a connection from `peer`.
    pub(crate) fn caller(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let own = peer.ip().to_canonical();
        if !self.trusts(own) {
            return peer;
        }
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ProxyHeader::XForwardedFor => (X_FORWARDED_FOR, address),
            ProxyHeader::Forwarded => (FORWARDED, forwarded),
        };
        // Several lines are one list.
        let lines: Vec<&str> =
            headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut caller = own;
        for hop in hops.take(MOST_HOPS) {
            // Behind a hop that hides its neighbour nobody can be believed.
            let Some(named) = read(hop.trim()) else { break };
            caller = named;
            if !self.trusts(named) {
                break;
            }
        }
        if caller == own { peer } else { SocketAddr::new(caller, 0) }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.holds(address))
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    plain.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// The `for` of one element of `Forwarded`.
fn forwarded(element: &str) -> Option<IpAddr> {
    let named = element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    address(named.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(named))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn proxies(header: ProxyHeader) -> Proxies {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
        Proxies { trusted: trusted.to_vec(), header }
    }

    fn caller(proxies: &Proxies, peer: &str, lines: &[&'static str]) -> String {
        let name = match proxies.header {
            ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
            ProxyHeader::Forwarded => FORWARDED,
        };
        let headers = lines
            .iter()
            .map(|line| (name.clone(), HeaderValue::from_static(line)))
            .collect::<HeaderMap>();
        proxies.caller(SocketAddr::new(peer.parse().unwrap(), 4711), &headers).ip().to_string()
    }

    #[test]
    fn the_rightmost_hop_that_is_no_proxy_of_ours_is_the_caller() {
        let proxies = proxies(ProxyHeader::XForwardedFor);
        for (peer, lines, expected) in [
            ("127.0.0.1", &["192.0.2.7"][..], "192.0.2.7"),
            // What the caller itself sent stands to the left and is not believed.
            ("127.0.0.1", &["1.1.1.1, 192.0.2.7"], "192.0.2.7"),
            ("127.0.0.1", &["1.1.1.1", "192.0.2.7,10.1.2.3"], "192.0.2.7"),
            ("10.9.9.9", &["192.0.2.7:5000"], "192.0.2.7"),
            ("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("::ffff:127.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            // Nobody but proxies: the farthest one.
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // A hop that hides its neighbour.
            ("127.0.0.1", &["192.0.2.7, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.7, nonsense, 10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(caller(&proxies, peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_stranger_is_believed_nothing_and_neither_is_the_other_header() {
        let proxies = proxies(ProxyHeader::XForwardedFor);
        assert_eq!(caller(&proxies, "192.0.2.7", &["1.1.1.1"]), "192.0.2.7");
        assert_eq!(caller(&Proxies::default(), "127.0.0.1", &["1.1.1.1"]), "127.0.0.1");

        let other = HeaderMap::from_iter([(FORWARDED, HeaderValue::from_static("for=1.1.1.1"))]);
        let peer = "127.0.0.1:80".parse().unwrap();
        assert_eq!(proxies.caller(peer, &other), peer);
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        let proxies = proxies(ProxyHeader::Forwarded);
        for (line, expected) in [
            ("for=192.0.2.7;proto=https;by=10.0.0.1", "192.0.2.7"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=1.1.1.1, proto=http; for=192.0.2.7", "192.0.2.7"),
            ("for=192.0.2.7, for=_hidden", "127.0.0.1"),
        ] {
            assert_eq!(caller(&proxies, "127.0.0.1", &[line]), expected, "{line}");
        }
    }

    #[test]
    fn a_network_is_an_address_or_its_first_bits() {
        let network = |text: &str| text.parse::<Network>();
        assert!(network("0.0.0.0/0").unwrap().holds("203.0.113.9".parse().unwrap()));
        assert!(!network("0.0.0.0/0").unwrap().holds("2001:db8::1".parse().unwrap()));
        assert!(network("192.0.2.128/25").unwrap().holds("192.0.2.129".parse().unwrap()));
        assert!(!network("192.0.2.128/25").unwrap().holds("192.0.2.127".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "localhost", "10.0.0.0/-1"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
