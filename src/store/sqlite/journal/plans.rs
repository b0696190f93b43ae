//! With a million payments in the journal every statement on the way of a call must still find its rows by index.

use super::super::inbox::plans::connection_with_schema;
use super::super::inbox::plans::plan;
use super::{accounts, ask, look, notice, owed, recover, rows, siblings, spent, standing};

#[test]
fn no_statement_of_a_call_reads_the_whole_journal() {
    let (_place, connection) = connection_with_schema();
    for conditions in
        [rows::LATEST, ask::DUE, owed::OWED, notice::BY_REFERENCE, notice::BY_PROVIDER_REFERENCE]
    {
        let sql = format!("SELECT {} FROM payment {conditions}", rows::COLUMNS);
        let plan = plan(&connection, &sql);
        assert!(plan.contains("SEARCH payment"), "{sql}\nis planned as\n{plan}");
    }
    let by_index = [siblings::YOUNGER]
        .map(|conditions| format!("SELECT {} FROM payment {conditions}", rows::COLUMNS));
    let others = [
        siblings::SIBLING,
        accounts::THEIRS_BY_REFERENCE,
        accounts::THEIRS_BY_PROVIDER_REFERENCE,
        accounts::STORED,
    ];
    for sql in by_index.iter().map(String::as_str).chain(others) {
        let plan = plan(&connection, sql);
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN"), "{sql}\nis planned as\n{plan}");
    }
    for sql in [spent::OPEN, spent::ACCEPTED, recover::WAITING] {
        let plan = plan(&connection, sql);
        assert!(plan.contains("USING INDEX payment_"), "{sql}\nis planned as\n{plan}");
    }
    for sql in [look::OLD.to_owned(), format!("SELECT id FROM payment {}", recover::UNDER_WAY)] {
        let plan = plan(&connection, &sql);
        assert!(plan.contains("SEARCH payment"), "{sql}\nis planned as\n{plan}");
    }
    for sql in [standing::NAMES, standing::KEPT] {
        let plan = plan(&connection, sql);
        assert!(!plan.contains("SCAN payment"), "{sql}\nis planned as\n{plan}");
        assert!(plan.contains("USING COVERING INDEX"), "{sql}\nis planned as\n{plan}");
    }
    let plan = plan(&connection, look::COUNTS);
    assert!(plan.contains("USING") && plan.contains("payment_unsettled"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "it is sorted:\n{plan}");
}
