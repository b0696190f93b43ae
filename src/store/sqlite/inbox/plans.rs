//! With a million events in the inbox every statement on the way of a notification or a delivery must still find its
//! rows by index. SQLite says beforehand how it would, and afterwards how often it thought about it.

use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::super::connect;
use super::{claim, order, receive, rows, settle, sweep};

#[test]
fn no_statement_of_traffic_reads_a_whole_table() {
    let (_place, connection) = connection_with_schema();
    for sql in [
        claim::DUE,
        claim::NEXT_DUE,
        order::EARLIEST,
        order::HEAD,
        receive::IS_LATE,
        rows::OLDEST_OPEN,
        sweep::OLD,
        sweep::REMOVE_KEYS,
    ] {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN inbox"), "{sql}\nis planned as\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\nis sorted:\n{plan}");
    }
}

#[test]
fn statements_of_traffic_are_planned_once_whatever_they_are_given() {
    let (_place, connection) = connection_with_schema();
    for sql in [
        order::EARLIEST,
        order::HEAD,
        claim::DUE,
        claim::CLAIMED,
        claim::NEXT_DUE,
        rows::SAVE,
        rows::SAVE_ATTEMPTS,
        rows::NUDGE,
        settle::FIND,
        settle::RECORD,
    ] {
        let mut statement = connection.prepare(sql).expect("valid");
        for value in 1..=3 {
            let values = vec![value; statement.parameter_count()];
            let mut found = statement.query(params_from_iter(values)).expect("bound");
            // Violating a constraint is as good as success here: the statement was run.
            let _ = found.next();
        }
        let planned_again = statement.get_status(StatementStatus::RePrepare);
        assert_eq!(planned_again, 0, "{sql}\nis planned anew for every value");
    }
}

/// A connection as the store opens it; its folder goes with the first of the two.
pub(in crate::store::sqlite) fn connection_with_schema() -> (tempfile::TempDir, Connection) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let connection = connect::create(&place.path().join("store.db")).expect("opened");
    (place, connection)
}

/// How SQLite would run `sql`.
pub(in crate::store::sqlite) fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("valid");
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>(3));
    let steps: Vec<String> = steps.expect("planned").map(|step| step.expect("text")).collect();
    steps.join("\n")
}
