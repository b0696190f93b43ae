//! Optional check: the addresses that an account's notifications may come from.

use ipnet::IpNet;

use crate::problem::{Code, Problem};
use crate::wire::Peer;

/// Admits a peer inside one of `allowed`; an empty list admits every peer, because the signature decides.
pub(super) fn admit(allowed: &[IpNet], peer: Peer) -> Result<(), Problem> {
    if allowed.is_empty() {
        return Ok(());
    }
    let address = match peer {
        // `::ffff:192.0.2.1`, which a dual-stack listener sees, is `192.0.2.1`.
        Peer::Tcp(address) => Some(address.ip().to_canonical()),
        Peer::Unix { .. } | Peer::Unidentified => None,
    };
    match address.is_some_and(|address| allowed.iter().any(|network| network.contains(&address))) {
        true => Ok(()),
        false => {
            Err(Problem::not_sent(Code::Forbidden, "notifications are not taken from this address"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn only_listed_networks_are_admitted() {
        let allowed: Vec<IpNet> = ["192.0.2.0/24", "2001:db8::/32"]
            .iter()
            .map(|text| text.parse().expect("a network"))
            .collect();
        let from = |address: &str| {
            admit(&allowed, Peer::Tcp((address.parse::<IpAddr>().expect("an address"), 1).into()))
        };
        for good in ["192.0.2.1", "::ffff:192.0.2.255", "2001:db8::1"] {
            assert!(from(good).is_ok(), "{good} is listed");
        }
        for bad in ["192.0.3.1", "::1", "127.0.0.1"] {
            let problem = from(bad).expect_err("not listed");
            assert_eq!(problem.code(), Code::Forbidden, "{bad}");
        }
        assert!(admit(&allowed, Peer::Unidentified).is_err());
        assert!(
            admit(&[], Peer::Unidentified).is_ok(),
            "without a list the signature decides alone"
        );
    }
}
