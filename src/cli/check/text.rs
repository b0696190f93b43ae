//! A report as text: one line per mistake, or a summary that fits a screen.

use std::fmt::{self, Write};

use super::report::{AccountReport, KeyReport, Report, Unconfirmed, UnconfirmedNotification};
use crate::config::NOT_CONFIRMED;

/// The widest line of a summary, in characters. A fingerprint with its key's name takes most of it.
pub(super) const COLUMNS: usize = 110;

/// Where the details of an operation begin, in characters.
const DETAIL_COLUMN: usize = 26;

pub(super) fn of(report: &Report) -> String {
    let mut out = String::new();
    let written = match report.ok {
        true => summary(report, &mut out),
        false => mistakes(report, &mut out),
    };
    match written {
        Ok(()) => out,
        Err(_) => unreachable!("writing to a string does not fail"),
    }
}

fn mistakes(report: &Report, out: &mut String) -> fmt::Result {
    let count = report.mistakes.len();
    let noun = if count == 1 { "mistake" } else { "mistakes" };
    writeln!(out, "{}: {count} {noun}", report.config)?;
    report.mistakes.iter().try_for_each(|mistake| writeln!(out, "  {mistake}"))
}

fn summary(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "{}: no mistakes; every signing key passed a test of signing and verifying",
        report.config
    )?;
    if let Some(listen) = &report.listen {
        let notify = listen.notify.iter().map(|address| format!(", notifications {address}"));
        let notify: String = notify.collect();
        writeln!(
            out,
            "\nlistens on      applications {}{notify}, admin {}",
            listen.app, listen.admin
        )?;
    }
    for (name, place) in [("store", &report.store), ("audit log", &report.audit)] {
        if let Some(place) = place {
            writeln!(out, "{name:<14}  {place}")?;
        }
    }
    for (index, account) in report.accounts.iter().enumerate() {
        let earlier = &report.accounts[..index];
        account_summary(account, earlier, out)?;
    }
    // Unconfirmed operations are listed with their account, in detail.
    let warnings = report.warnings.iter().filter(|warning| !warning.contains(NOT_CONFIRMED));
    for (index, warning) in warnings.enumerate() {
        if index == 0 {
            writeln!(out, "\nwarnings")?;
        }
        wrapped(out, 2, warning)?;
    }
    Ok(())
}

fn account_summary(
    account: &AccountReport,
    earlier: &[AccountReport],
    out: &mut String,
) -> fmt::Result {
    let environment = account.environment.map(|it| format!(" ({it})")).unwrap_or_default();
    writeln!(out, "\naccount {}{environment}", account.name)?;
    writeln!(out, "  provider      {} at {}", account.provider, account.base_url)?;
    writeln!(out, "  app id        {}", account.app_id)?;
    for key in &account.signing_keys {
        key_summary("signing key ", key, out)?;
        let validity = validity(key);
        writeln!(out, "                {validity}")?;
    }
    for key in &account.provider_keys {
        key_summary("provider key", key, out)?;
    }
    writeln!(out, "  callers       {}", callers(account))?;
    let operations = Listed::new(account, earlier, |it| &it.unconfirmed);
    operations.write("operations   ", account.operations.len(), unconfirmed_detail, out)?;
    let notifications = Listed::new(account, earlier, |it| &it.unconfirmed_notifications);
    notifications.write("notifications", account.notifications, notification_detail, out)
}

/// The unconfirmed entries of one kind, and an account above that has the same list: accounts of one provider usually
/// do, and repeating the list would fill the screen.
struct Listed<'a, T> {
    rows: &'a [T],
    same_as: Option<&'a str>,
}

impl<'a, T: PartialEq> Listed<'a, T> {
    fn new(
        account: &'a AccountReport,
        earlier: &'a [AccountReport],
        rows: fn(&AccountReport) -> &[T],
    ) -> Self {
        let same = earlier.iter().find(|other| rows(other) == rows(account));
        Self { rows: rows(account), same_as: same.map(|other| other.name.as_str()) }
    }

    fn write(
        &self,
        what: &str,
        count: usize,
        detail: fn(&T, &mut String) -> fmt::Result,
        out: &mut String,
    ) -> fmt::Result {
        if self.rows.is_empty() {
            return writeln!(out, "  {what} {count}");
        }
        write!(out, "  {what} {count}, of which {} are {NOT_CONFIRMED}", self.rows.len())?;
        match self.same_as {
            Some(other) => writeln!(out, ", as for account {other}"),
            None => {
                writeln!(out, ":")?;
                self.rows.iter().try_for_each(|row| detail(row, out))
            }
        }
    }
}

fn key_summary(what: &str, key: &KeyReport, out: &mut String) -> fmt::Result {
    writeln!(out, "  {what}  {}: RSA {}, {}", key.id, key.bits, key.fingerprint)
}

fn validity(key: &KeyReport) -> String {
    let from = key.not_before.map(|start| format!("from {start}"));
    let until = key.not_after.map(|end| format!("until {end}"));
    let now = match (key.signs_now, key.usable) {
        (true, _) => "signs now",
        (false, true) => "could sign now, but an earlier key does",
        (false, false) => "cannot be used now",
    };
    from.into_iter().chain(until).chain([now.to_owned()]).collect::<Vec<_>>().join(", ")
}

fn callers(account: &AccountReport) -> String {
    let callers = &account.callers;
    let tokens = (callers.tokens > 0).then(|| format!("bearer token ({})", callers.tokens));
    let uids: Vec<String> = callers.uids.iter().map(u32::to_string).collect();
    let uids = (!uids.is_empty()).then(|| format!("user id {}", uids.join(", ")));
    match (tokens, uids) {
        (None, None) => "any process that reaches the listener for applications".into(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(tokens), Some(uids)) => format!("{tokens} or {uids}"),
    }
}

fn unconfirmed_detail(row: &Unconfirmed, out: &mut String) -> fmt::Result {
    writeln!(out, "    {:<width$}{}", row.operation, row.path, width = DETAIL_COLUMN - 4)?;
    if !row.members.is_empty() {
        wrapped(out, DETAIL_COLUMN, &format!("members {}", row.members.join(", ")))?;
    }
    row.note.iter().try_for_each(|note| wrapped(out, DETAIL_COLUMN, note))
}

fn notification_detail(row: &UnconfirmedNotification, out: &mut String) -> fmt::Result {
    let events = row.events.join(", ");
    writeln!(out, "    {:<width$}{events}", row.notification, width = DETAIL_COLUMN - 4)?;
    row.note.iter().try_for_each(|note| wrapped(out, DETAIL_COLUMN, note))
}

/// Writes `text` in indented lines of up to [`COLUMNS`] characters.
fn wrapped(out: &mut String, indent: usize, text: &str) -> fmt::Result {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match column {
            0 => write!(out, "{:indent$}{word}", "")?,
            _ if column + 1 + length > COLUMNS => {
                write!(out, "\n{:indent$}{word}", "")?;
                column = 0;
            }
            _ => write!(out, " {word}")?,
        }
        column = if column == 0 { indent + length } else { column + 1 + length };
    }
    writeln!(out)
}
