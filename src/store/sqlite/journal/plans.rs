//! With a million payments in the journal every statement on the way of a call must still find its rows by index.

use super::super::inbox::plans::connection_with_schema;
use super::super::inbox::plans::plan;
use super::{load, look, rows, spent, standing};

#[test]
fn no_statement_of_a_call_reads_the_whole_journal() {
    let (_place, connection) = connection_with_schema();
    let rows = |conditions| format!("SELECT {} FROM payment {conditions}", rows::COLUMNS);
    for conditions in
        [load::LATEST, load::DUE, load::OWED, load::BY_REFERENCE, load::BY_PROVIDER_REFERENCE]
    {
        let sql = rows(conditions);
        let plan = plan(&connection, &sql);
        assert!(plan.contains("SEARCH payment"), "{sql}\nis planned as\n{plan}");
    }
    let others = [
        load::SIBLING,
        load::THEIRS_BY_REFERENCE,
        load::THEIRS_BY_PROVIDER_REFERENCE,
        load::STORED,
    ];
    for sql in others.map(str::to_owned).into_iter().chain([rows(load::YOUNGER)]) {
        let plan = plan(&connection, &sql);
        assert!(plan.contains("SEARCH") && !plan.contains("SCAN"), "{sql}\nis planned as\n{plan}");
    }
    for sql in [spent::OPEN.to_owned(), spent::ACCEPTED.to_owned(), rows(load::WAITING)] {
        let plan = plan(&connection, &sql);
        assert!(plan.contains("USING INDEX payment_"), "{sql}\nis planned as\n{plan}");
    }
    for sql in [look::OLD.to_owned(), rows(load::UNDER_WAY)] {
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
