//! Who may call an account.

use http::header::AUTHORIZATION;

use crate::audit::Actor;
use crate::config::AppAuth;
use crate::problem::{Code, Problem};
use crate::wire::{Peer, Request};

/// Admits a caller with one of the account's tokens, or on a unix socket with one of its user ids. An account with
/// neither is open to everyone who reaches the listener; the configuration allows that on loopback and unix sockets only.
pub(super) fn authorize(allowed: &AppAuth, request: &Request) -> Result<Actor, Problem> {
    let uid = uid_of(request.peer);
    let is_open = allowed.tokens.is_empty() && allowed.uids.is_empty();
    let by_uid = uid.filter(|uid| is_open || allowed.uids.contains(uid)).map(Actor::AppUid);
    by_uid
        .or_else(|| is_open.then_some(Actor::App))
        .or_else(|| token_of(allowed, request).map(Actor::AppToken))
        .ok_or_else(|| {
            Problem::not_sent(
                Code::Unauthorized,
                "expected `Authorization: Bearer` with one of the account's tokens",
            )
        })
}

fn uid_of(peer: Peer) -> Option<u32> {
    match peer {
        Peer::Unix { uid } => uid,
        Peer::Tcp(_) | Peer::Unidentified => None,
    }
}

/// Which of the account's tokens the request has.
fn token_of(allowed: &AppAuth, request: &Request) -> Option<usize> {
    let mut values = request.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let presented = bearer(value.as_bytes())?;
    // Every token is compared, so the time taken does not show which one came close.
    let tokens = allowed.tokens.iter().enumerate();
    tokens.fold(None, |found, (index, token)| match token.matches(presented) {
        true => found.or(Some(index)),
        false => found,
    })
}

/// The token of a `Bearer` credential; the scheme's name is case-insensitive (RFC 9110).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;
    use crate::clock::instant;
    use crate::secret::Secret;

    fn request(peer: Peer, authorization: &[&str]) -> Request {
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).expect("a header value"));
        }
        Request {
            method: Method::POST,
            path: "/shop/balance".into(),
            query: String::new(),
            headers,
            body: Bytes::new(),
            peer,
            received_at: instant(),
        }
    }

    #[test]
    fn only_one_of_the_tokens_opens_the_account() {
        let allowed = AppAuth {
            tokens: vec![Secret::new(b"old-token".to_vec()), Secret::new(b"new-token".to_vec())],
            uids: vec![],
        };
        let tcp = Peer::Tcp(([127, 0, 0, 1], 4000).into());
        for good in ["Bearer old-token", "bearer new-token", "Bearer  new-token"] {
            assert!(authorize(&allowed, &request(tcp, &[good])).is_ok(), "`{good}` should open it");
        }
        let bad: [&[&str]; 7] = [
            &[],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Bearer old-tokenx"],
            &["Basic old-token"],
            &["Bearer old-token", "Bearer old-token"],
        ];
        for bad in bad {
            let problem = authorize(&allowed, &request(tcp, bad)).expect_err("should be refused");
            assert_eq!(problem.code(), Code::Unauthorized, "{bad:?}");
        }
    }

    #[test]
    fn a_user_id_counts_only_on_a_unix_socket() {
        let allowed = AppAuth { tokens: vec![], uids: vec![1000] };
        let admitted = |peer| authorize(&allowed, &request(peer, &[])).is_ok();
        assert!(admitted(Peer::Unix { uid: Some(1000) }));
        assert!(!admitted(Peer::Unix { uid: Some(1001) }));
        assert!(!admitted(Peer::Unix { uid: None }));
        assert!(!admitted(Peer::Tcp(([127, 0, 0, 1], 4000).into())));
        assert!(!admitted(Peer::Unidentified));
    }
}
