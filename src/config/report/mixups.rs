//! Refuses accounts that conflict: the same name or token, live mixed with test, one provider's key at another, demo
//! keys where real money may move.
//!
//! Only conflicts visible in the configuration are found. Accounts without `environment` are not compared by it.

use crate::config::demo::is_demo_key;
use crate::config::kind::urls::HostUrl;
use crate::config::read::{At, Reader};
use crate::config::snapshot::Environment;
use crate::secret::Secret;

/// The data that distinguishes accounts. Unreadable values are missing; their mistakes are recorded elsewhere.
pub(crate) struct Facts {
    pub path: String,
    pub name: Option<At<String>>,
    /// Names that the account had before.
    pub formerly: Vec<At<String>>,
    pub environment: Option<Environment>,
    pub base_url: Option<At<HostUrl>>,
    pub app_id: Option<At<String>>,
    /// Public halves of the account's own keys, one-line base64.
    pub signing_keys: Vec<At<String>>,
    /// The provider's public keys, one-line base64.
    pub provider_keys: Vec<At<String>>,
    pub tokens: Vec<At<Secret>>,
}

/// Records every mix-up among `accounts`.
pub(crate) fn check(reader: &mut Reader<'_>, accounts: &[Facts]) {
    for (index, account) in accounts.iter().enumerate() {
        check_alone(reader, account);
        check_names(reader, account, accounts, index);
        check_tokens(reader, &account.tokens, &accounts[..index]);
        for earlier in &accounts[..index] {
            check_pair(reader, account, earlier);
        }
        for other in accounts {
            check_own_keys(reader, account, other);
        }
    }
}

fn check_alone(reader: &mut Reader<'_>, account: &Facts) {
    let Some(At { path, value: base_url }) = &account.base_url else { return };
    if account.environment == Some(Environment::Live) && base_url.is_loopback {
        let problem = "a loopback host in a live account, expected the provider's https address";
        reader.mistake(path, problem);
    }
    for key in account.signing_keys.iter().chain(&account.provider_keys) {
        if is_demo_key(&key.value) && !base_url.is_loopback {
            let problem = "the published demo key, expected a key of your own: everyone has the \
                           demo key, so it works towards loopback hosts only";
            reader.mistake(&key.path, problem);
        }
    }
}

/// A name, current or former, belongs to one account only.
fn check_names(reader: &mut Reader<'_>, account: &Facts, accounts: &[Facts], index: usize) {
    let earlier = &accounts[..index];
    if let Some(name) = &account.name {
        let others = earlier.iter().filter_map(|account| account.name.as_ref());
        check_alone_among(reader, name, others, "a name of its own");
    }
    for (position, name) in account.formerly.iter().enumerate() {
        let names = accounts.iter().filter_map(|account| account.name.as_ref());
        let former = earlier.iter().flat_map(|account| &account.formerly);
        let others = names.chain(former).chain(&account.formerly[..position]);
        check_alone_among(
            reader,
            name,
            others,
            "a name that no account has and that is listed once",
        );
    }
}

fn check_alone_among<'a>(
    reader: &mut Reader<'_>,
    At { path, value: name }: &At<String>,
    mut others: impl Iterator<Item = &'a At<String>>,
    expected: &str,
) {
    if let Some(same) = others.find(|other| other.value == *name) {
        reader.mistake(path, format!("`{name}` is also `{}`, expected {expected}", same.path));
    }
}

/// A token identifies one account, so it must not be used twice.
fn check_tokens(reader: &mut Reader<'_>, tokens: &[At<Secret>], earlier: &[Facts]) {
    for (index, token) in tokens.iter().enumerate() {
        let others = earlier.iter().flat_map(|account| &account.tokens);
        let mut others = others.chain(&tokens[..index]);
        if let Some(same) = others.find(|other| other.value.matches(token.value.expose())) {
            let problem = format!("the same token as `{}`, expected one of its own", same.path);
            reader.mistake(&token.path, problem);
        }
    }
}

fn check_own_keys(reader: &mut Reader<'_>, account: &Facts, other: &Facts) {
    for key in &account.provider_keys {
        if let Some(own) = other.signing_keys.iter().find(|own| own.value == key.value) {
            let problem = format!(
                "the public half of `{}`, expected the key that the provider signs with",
                own.path
            );
            reader.mistake(&key.path, problem);
        }
    }
}

fn check_pair(reader: &mut Reader<'_>, account: &Facts, earlier: &Facts) {
    let (Some(base_url), Some(other_url)) = (&account.base_url, &earlier.base_url) else { return };
    let same_host = base_url.value.host == other_url.value.host;
    let other_environment = matches!(
        (account.environment, earlier.environment),
        (Some(one), Some(other)) if one != other
    );
    let reason = match (other_environment, same_host) {
        (true, _) => "which is of another environment",
        (false, false) => "which has another provider host",
        (false, true) => return,
    };
    if other_environment && same_host {
        let problem = format!("the same host as in `{}`, {reason}", earlier.path);
        reader.mistake(&base_url.path, format!("{problem}; expected a host of its own"));
    }
    let shared = [
        ("application id", account.app_id.as_slice(), earlier.app_id.as_slice()),
        ("key", account.signing_keys.as_slice(), earlier.signing_keys.as_slice()),
    ];
    for (what, ours, theirs) in shared {
        for one in ours.iter().filter(|one| theirs.iter().any(|it| it.value == one.value)) {
            let problem = format!("the same {what} as in `{}`, {reason}", earlier.path);
            reader.mistake(&one.path, format!("{problem}; expected one of its own"));
        }
    }
}
