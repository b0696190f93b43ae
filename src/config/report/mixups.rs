//! Refuses accounts that get in each other's way: the same name or token, live with test, one provider's
//! key at another, demo keys where real money may move.
//!
//! Only what can be seen in the configuration is found. Accounts without `environment` are not told apart by it.

use crate::config::demo::is_demo_key;
use crate::config::kind::urls::HostUrl;
use crate::config::read::{At, Reader};
use crate::config::snapshot::Environment;
use crate::secret::Secret;

/// What tells accounts apart. What could not be read is missing; the mistake is noted elsewhere.
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

/// Notes every mix-up among `accounts`.
pub(crate) fn check(reader: &mut Reader<'_>, accounts: &[Facts]) {
    for (index, account) in accounts.iter().enumerate() {
        check_alone(reader, account);
        check_name(reader, account, &accounts[..index]);
        check_former_names(reader, account, accounts, index);
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
            let problem = "the published demo key, expected a key of your own: everybody has the \
                           demo key, so it works towards loopback hosts only";
            reader.mistake(&key.path, problem);
        }
    }
}

fn check_name(reader: &mut Reader<'_>, account: &Facts, earlier: &[Facts]) {
    let Some(At { path, value: name }) = &account.name else { return };
    let mut names = earlier.iter().filter_map(|account| account.name.as_ref());
    if let Some(same) = names.find(|other| other.value == *name) {
        let problem = format!("`{name}` is also `{}`, expected a name of its own", same.path);
        reader.mistake(path, problem);
    }
}

/// A former name leads to one account, as a name does.
fn check_former_names(reader: &mut Reader<'_>, account: &Facts, accounts: &[Facts], index: usize) {
    for (position, At { path, value: name }) in account.formerly.iter().enumerate() {
        let names = accounts.iter().filter_map(|account| account.name.as_ref());
        let earlier = accounts[..index].iter().flat_map(|account| &account.formerly);
        let mut others = names.chain(earlier).chain(&account.formerly[..position]);
        if let Some(same) = others.find(|other| other.value == *name) {
            let problem = format!(
                "`{name}` is also `{}`, expected a name that no account has and that stands once",
                same.path
            );
            reader.mistake(path, problem);
        }
    }
}

/// A token names one account; the same one twice would not.
fn check_tokens(reader: &mut Reader<'_>, tokens: &[At<Secret>], earlier: &[Facts]) {
    for (index, token) in tokens.iter().enumerate() {
        let others = earlier.iter().flat_map(|account| &account.tokens);
        let same =
            others.chain(&tokens[..index]).find(|other| other.value.matches(token.value.expose()));
        if let Some(same) = same {
            let problem = format!("the same token as `{}`, expected one of its own", same.path);
            reader.mistake(&token.path, problem);
        }
    }
}

fn check_own_keys(reader: &mut Reader<'_>, account: &Facts, other: &Facts) {
    for key in &account.provider_keys {
        let own = other.signing_keys.iter().find(|own| own.value == key.value);
        if let Some(own) = own {
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
    if let (Some(app_id), Some(other)) = (&account.app_id, &earlier.app_id)
        && app_id.value == other.value
    {
        let problem = format!("the same application id as in `{}`, {reason}", earlier.path);
        reader.mistake(&app_id.path, format!("{problem}; expected one of its own"));
    }
    for key in &account.signing_keys {
        if earlier.signing_keys.iter().any(|other| other.value == key.value) {
            let problem = format!("the same key as in `{}`, {reason}", earlier.path);
            reader.mistake(&key.path, format!("{problem}; expected one of its own"));
        }
    }
}
