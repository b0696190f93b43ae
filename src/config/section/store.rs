//! Where the journal and the inbox are kept, and for how long.

use serde_json::{Value as Json, json};

use crate::config::kind::units::{DAY_MS, Span};
use crate::config::read::{Found, Kind, Reader, Value, Wrong, file_section};
use crate::config::snapshot::Retention;
use crate::store::StoreUrl;

/// How long something is kept.
type Keeping = Span<1000, { 10 * 366 * DAY_MS }>;
/// How long a settled payment is kept.
type PaymentKeeping = Span<{ 7 * DAY_MS }, { 10 * 366 * DAY_MS }>;

file_section! {
    /// The store.
    StoreFile {
        /// `sqlite:` and the path of the database file, relative to this file's folder. A change needs a restart.
        url: Value<StoreUrl> = "sqlite:data/countersign.db",
        /// How long delivered and discarded events are kept, as a duration such as `30d`.
        retention: Value<Keeping> = "30d",
        /// How long dead letters are kept. Events that are not yet delivered are always kept.
        dead_letter_retention: Value<Keeping> = "90d",
        /// How long duplicates of a notification are recognised after it was last seen, at least as long as its event
        /// is kept. The provider's signature does not expire, so a recorded one that is posted again after this time
        /// counts as new.
        duplicate_retention: Value<Keeping> = "365d",
        /// How long settled payments are kept, at least `7d`: a call that is repeated under its reference within this time
        /// gets the first answer again.
        payment_retention: Value<PaymentKeeping> = "90d",
    }
}

/// The location of the store. Two existing stores at the possible places are a mistake: the wrong one lacks payments.
pub(crate) fn store_url(reader: &mut Reader<'_>, file: &StoreFile) -> StoreUrl {
    let StoreUrl::Sqlite(path) = file.url(reader);
    let written = &*path.to_string_lossy();
    let (located, warning) = reader.sources.locate(written);
    if let Found::Beside(other) = &located.found {
        let problem = format!(
            "`{written}` leads to two stores, `{}` and `{other}`, expected one: move away the one that does not hold the \
             payments, or write the absolute path of the one that does",
            located.path
        );
        reader.mistake(&file.url.path, problem);
    } else if let Some(warning) = warning {
        reader.warn(&file.url.path, warning);
    }
    StoreUrl::Sqlite(located.path.into())
}

/// How long each kind of data is kept.
pub(super) fn retention(reader: &mut Reader<'_>, file: &StoreFile) -> Retention {
    Retention {
        delivered: file.retention(reader),
        dead_letters: file.dead_letter_retention(reader),
        duplicates: file.duplicate_retention(reader),
        payments: file.payment_retention(reader),
    }
}

impl Kind for StoreUrl {
    type Parsed = Self;

    const SECRET: bool = false;

    fn expected() -> String {
        Self::EXPECTED.into()
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.starts_with("sqlite:") {
            true => text.parse().map_err(Wrong::Problem),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^sqlite:.+$" })
    }
}
