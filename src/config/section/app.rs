//! Who may call an account.

use crate::config::kind::secrets::AppToken;
use crate::config::kind::units::Whole;
use crate::config::read::{At, List, Reader, Section, Value, file_section};
use crate::config::snapshot::{Address, Listener};
use crate::secret::Secret;

file_section! {
    /// Who may call an account. With neither tokens nor uids, any process that can reach `listen.app`.
    AppFile {
        /// Tokens for `Authorization: Bearer …`, at least 16 characters each. Several may be valid at once.
        tokens: List<Value<AppToken>>,
        /// User ids of the processes that may call through a unix socket.
        uids: List<Value<Whole<0, { u32::MAX }>>>,
    }
}

/// Reads the tokens and the user ids.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &Section<AppFile>,
) -> (Vec<At<Secret>>, Vec<u32>) {
    let file = reader.keys(section);
    let (tokens, uids) = (reader.values(&file.tokens), reader.values(&file.uids));
    (tokens, uids.into_iter().map(|uid| uid.value).collect())
}

/// Checks that the account can be called through `listener`, and only by authorised callers.
pub(super) fn check(
    reader: &mut Reader<'_>,
    section: &Section<AppFile>,
    uids: &[u32],
    listener: &Listener,
) {
    let AppFile { tokens, uids: list } = &section.value;
    // If it is not a list, that mistake is already recorded.
    let has_tokens = !tokens.items.is_empty() || tokens.misplaced.is_some();
    if listener.address.is_exposed() && !has_tokens {
        let problem = "nothing found, expected at least one token: `listen.app` can be reached \
                       from other machines";
        reader.mistake(&tokens.path, problem);
    } else if matches!(listener.address, Address::Tcp(_)) && !uids.is_empty() {
        match has_tokens {
            true => reader
                .warn(&section.path, "`uids` have no effect: `listen.app` is not a unix socket"),
            false => {
                let problem = "no caller would be accepted: user ids are known on a unix socket only, \
                               expected `tokens`, or `unix:/path` as `listen.app`";
                reader.mistake(&list.path, problem);
            }
        }
    }
}
