//! A look at a store that others may be working on: nothing is made, brought up to date or held up.

use std::path::Path;

use super::connect::{self, name_the_file};
use super::failure;
use super::journal::standing;
use super::migrate::{MIGRATIONS, version};
use crate::store::{AccountNames, Standing, StoreError};

/// What the file holds for the configured `accounts`; `None` when there is no file. One of an earlier version tells
/// what it knows.
pub(in crate::store) fn look(
    path: &Path,
    accounts: &[AccountNames],
) -> Result<Option<Standing>, StoreError> {
    if let Ok(false) = path.try_exists() {
        return Ok(None);
    }
    let connection = connect::looker(path)?;
    let named = |error| name_the_file(error, path);
    version(&connection, path, MIGRATIONS).map_err(named)?;
    let standing = standing::of(&connection, accounts);
    standing.map(Some).map_err(|error| named(failure::explain(&error)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::Clock;
    use crate::store::SqliteStore;
    use crate::store::conformance::paying::payout;
    use crate::store::{Journal, Store};

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[tokio::test]
    async fn a_look_leaves_no_trace_and_does_not_wait_for_whoever_writes() {
        let place = crate::store::volatile::folder();
        let path = place.path().join("a store%20.db");
        assert_eq!(look(&path, &[]), Ok(None));
        assert!(names(place.path()).is_empty(), "nothing was made");
        let store = SqliteStore::open(&path, Clock::System).expect("opened");
        store.begin_sending(payout("A")).await.expect("written down");
        let beside = look(&path, &[]).expect("read").expect("a store");
        assert_eq!(beside.left_behind[0].open, 1, "{beside:?}");
        assert_eq!(beside.open[0].on_their_way, 1, "{beside:?}");
        store.close().await.expect("closed");
        drop(store);
        let before = names(place.path());
        let after = look(&path, &[]).expect("read").expect("a store");
        assert_eq!(after, beside);
        assert_eq!(names(place.path()), before);
    }

    #[test]
    fn a_store_of_an_earlier_version_tells_what_it_knows_and_stays_what_it_is() {
        let place = crate::store::volatile::folder();
        for version in 1..MIGRATIONS.len() {
            let path = place.path().join(format!("{version}.db"));
            let old = rusqlite::Connection::open(&path).expect("made");
            for sql in &MIGRATIONS[..version] {
                old.execute_batch(sql).expect("valid");
            }
            old.pragma_update(None, "application_id", 0x4353_676e).expect("set");
            old.pragma_update(None, "user_version", version as i64).expect("set");
            if version >= 2 {
                let sql = "INSERT INTO payment (id, account, provider, operation, reference, generation,
                    fingerprint, state, attempts, open_attempts, told, doubtful_since, absences,
                    last_absence_at, begun_at, asks, holder, hold, held_until, amount_differs, contradicted)
                    VALUES ('p', 'shop', 'bluepay', 'payout_create', 'R', 1, x'00', 'unknown', 1, 2,
                    'nothing', 1, 0, 0, 1, 0, 'h', 1, 1, 0, 0)";
                old.execute(sql, []).expect("inserted");
            }
            drop(old);
            let before = std::fs::read(&path).expect("read");
            let standing = look(&path, &[]).expect("read").expect("a store");
            let open: Vec<_> = standing.open.iter().map(|it| (it.place, it.in_doubt)).collect();
            assert_eq!(open, if version >= 2 { vec![(None, 1)] } else { vec![] });
            assert_eq!(std::fs::read(&path).expect("read"), before, "it is as it was");
        }
    }
}
