//! With a million events in the inbox every statement on the way of a notification or a delivery must still find its
//! rows by index. SQLite says beforehand how it would.

use rusqlite::{Connection, params_from_iter};

use super::super::migrate::{MIGRATIONS, migrate};
use super::{claim, order, rows, sweep};

#[test]
fn no_statement_of_traffic_reads_a_whole_table() {
    let connection = connection_with_schema();
    for sql in [
        claim::DUE,
        claim::NEXT_DUE,
        claim::LATER,
        order::EARLIEST_OPEN,
        order::HEAD,
        rows::OLDEST_OPEN,
        sweep::OLD,
        sweep::REMOVE_KEYS,
    ] {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN inbox"), "{sql}\nis planned as\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\nis sorted:\n{plan}");
    }
}

pub(in crate::store::sqlite) fn connection_with_schema() -> Connection {
    let mut connection = Connection::open_in_memory().expect("opened");
    migrate(&mut connection, std::path::Path::new("memory"), MIGRATIONS).expect("migrated");
    connection
}

/// How SQLite would run `sql`.
pub(in crate::store::sqlite) fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("valid");
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(params_from_iter(nothing), |row| row.get::<_, String>(3));
    let steps: Vec<String> = steps.expect("planned").map(|step| step.expect("text")).collect();
    steps.join("\n")
}
