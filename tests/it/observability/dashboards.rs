//! The dashboards as files: the rules of Grafana's dashboard linter, and what it does not check.
//!
//! The rules are those of github.com/grafana/dashboard-linter for Prometheus, by their names there; that a query is valid
//! PromQL is left to a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use super::{read, selectors};

const FILES: [&str; 3] = ["money.json", "provider.json", "sidecar.json"];

/// Units that the dashboards may use, among those that Grafana has.
const UNITS: [&str; 8] =
    ["short", "s", "reqps", "cps", "percentunit", "bytes", "bool_yes_no", "dateTimeAsIso"];

/// One query of a panel or a variable.
pub struct Query {
    /// Where it is.
    pub place: String,
    /// The query for Prometheus, with variables filled in.
    pub expr: String,
}

impl Query {
    pub fn new(place: &str, expr: &str) -> Self {
        Self { place: place.to_owned(), expr: expr.to_owned() }
    }
}

/// Every query, with everything selected and short time ranges.
pub fn queries() -> Vec<Query> {
    boards()
        .iter()
        .flat_map(|board| [board.variables(), board.targets()].concat())
        .map(filled)
        .collect()
}

fn filled((place, expr): (String, String)) -> Query {
    let expr = expr
        .replace("$__rate_interval", "30s")
        .replace("$__range", "2m")
        .replace("\"$job\"", "\".+\"")
        .replace("\"$instance\"", "\".+\"")
        .replace("\"$account\"", "\".+\"");
    assert!(!expr.contains('$'), "{place}: a variable that is not filled in: {expr}");
    Query { place, expr }
}

struct Board {
    file: &'static str,
    json: Value,
}

fn boards() -> Vec<Board> {
    let board = |file| {
        let text = read(&format!("dashboards/{file}"));
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Board { file, json }
    };
    FILES.into_iter().map(board).collect()
}

impl Board {
    /// Panels that show data.
    fn panels(&self) -> Vec<&Value> {
        let panels = self.json["panels"].as_array().expect("panels").iter();
        panels.filter(|panel| panel["type"] != "row").collect()
    }

    fn place(&self, panel: &Value) -> String {
        format!("{}: {}", self.file, panel["title"])
    }

    fn template(&self, name: &str) -> &Value {
        let list = self.json["templating"]["list"].as_array().expect("variables");
        let found = list.iter().find(|variable| variable["name"] == name);
        found.unwrap_or_else(|| panic!("{}: no variable `{name}`", self.file))
    }

    /// The queries of the variables, in a form that Prometheus accepts.
    fn variables(&self) -> Vec<(String, String)> {
        let list = self.json["templating"]["list"].as_array().expect("variables").iter();
        let pattern = Regex::new(r"^label_values\((.+), (\w+)\)$").expect("a pattern");
        list.filter(|variable| variable["type"] == "query")
            .map(|variable| {
                let query = variable["query"]["query"].as_str().expect("a query");
                assert_eq!(variable["definition"], query, "{}", self.file);
                let parts = pattern.captures(query).unwrap_or_else(|| panic!("{query}"));
                let place = format!("{}: variable {}", self.file, variable["name"]);
                (place, format!("count by ({}) ({})", &parts[2], &parts[1]))
            })
            .collect()
    }

    fn targets(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for panel in self.panels() {
            for target in panel["targets"].as_array().expect("targets") {
                let expr = target["expr"].as_str().expect("an expression").to_owned();
                found.push((self.place(panel), expr));
            }
        }
        found
    }
}

#[test]
fn variables_choose_data_source_job_instance_and_account() {
    for board in boards() {
        let source = board.template("datasource");
        assert_eq!(source["type"], "datasource", "template-datasource-rule");
        assert_eq!(source["query"], "prometheus", "template-datasource-rule");
        assert_eq!(source["label"], "Data source", "template-datasource-rule");
        for (name, label) in [("job", "Job"), ("instance", "Instance"), ("account", "Account")] {
            let variable = board.template(name);
            let rule = format!("{}: template-{name}-rule: {variable:#}", board.file);
            assert_eq!(variable["type"], "query", "{rule}");
            assert_eq!(variable["label"], label, "{rule}");
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{rule}");
            assert_eq!((&variable["multi"], &variable["includeAll"]), (&json!(true), &json!(true)));
            assert_eq!(variable["allValue"], ".+", "{rule}");
            assert_eq!(variable["refresh"], 2, "template-on-time-change-reload-rule: {variable:#}");
        }
    }
}

#[test]
fn every_panel_has_title_description_unit_queries_and_the_chosen_data_source() {
    for board in boards() {
        for panel in board.panels() {
            let place = board.place(panel);
            for name in ["title", "description"] {
                let text = panel[name].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "panel-title-description-rule: {place}: {name}");
            }
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default();
            assert!(UNITS.contains(&unit), "panel-units-rule: {place}: `{unit}`");
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty(), "panel-no-targets-rule: {place}");
            for asked in targets.iter().chain([panel]) {
                let source = &asked["datasource"];
                let templated = json!({ "type": "prometheus", "uid": "${datasource}" });
                assert_eq!(*source, templated, "panel-datasource-rule: {place}");
            }
            let ids: BTreeSet<_> = targets.iter().map(|it| it["refId"].to_string()).collect();
            assert_eq!(ids.len(), targets.len(), "{place}: two queries with one name");
        }
    }
}

#[test]
fn every_query_is_about_the_chosen_job_and_instance() {
    for (place, expr) in boards().iter().flat_map(Board::targets) {
        let selected = selectors(&expr);
        assert!(!selected.is_empty(), "{place}: {expr}");
        for selector in selected {
            let matchers = ["job=~\"$job\"", "instance=~\"$instance\""];
            for matcher in matchers {
                assert!(selector.contains(matcher), "target-job-rule: {place}: {selector}");
            }
            let of_an_account = selector.starts_with("countersign_")
                && !["build_info", "request_phase", "config_"]
                    .iter()
                    .any(|it| selector.contains(it));
            assert_eq!(
                selector.contains("account=~\"$account\""),
                of_an_account,
                "{place}: {selector}"
            );
        }
    }
}

#[test]
fn counters_are_queried_as_a_rate_over_the_interval_that_grafana_chooses() {
    let counter = Regex::new(r"(\w+)\((\w+_(?:total|bucket|sum|count))\{[^}]*\}(\[[^\]]+\])?")
        .expect("a pattern");
    let any = Regex::new(r"\w+_(?:total|bucket|sum|count)\{").expect("a pattern");
    for (place, expr) in boards().iter().flat_map(Board::targets) {
        let found: Vec<_> = counter.captures_iter(&expr).collect();
        assert_eq!(
            found.len(),
            any.find_iter(&expr).count(),
            "target-counter-agg-rule: {place}: {expr}"
        );
        for parts in found {
            let (function, range) = (&parts[1], parts.get(3).map(|range| range.as_str()));
            let is_fine = match function {
                "rate" => range == Some("[$__rate_interval]"),
                // Over the whole visible range, the query is for a sum.
                "increase" => matches!(range, Some("[$__rate_interval]" | "[$__range]")),
                _ => false,
            };
            assert!(is_fine, "target-rate-interval-rule: {place}: {expr}");
        }
    }
}

#[test]
fn dashboards_are_edited_only_as_files() {
    let mut seen = BTreeMap::new();
    for board in boards() {
        let json = &board.json;
        assert_eq!(json["editable"], false, "uneditable-dashboard: {}", board.file);
        let uid = json["uid"].as_str().expect("a uid").to_owned();
        assert_eq!(uid, format!("countersign-{}", board.file.trim_end_matches(".json")));
        assert!(json["id"].is_null(), "an id belongs to one Grafana");
        assert_eq!(json["tags"][0], "countersign", "links go by tag");
        assert_eq!(json["links"][0]["tags"], json!(["countersign"]), "{}", board.file);
        assert!(json["schemaVersion"].as_u64().is_some_and(|version| version >= 39));
        assert!(seen.insert(uid, json["title"].clone()).is_none(), "two dashboards with one uid");
    }
}

#[test]
fn panels_fit_the_grid_and_do_not_overlap() {
    for board in boards() {
        let panels = board.json["panels"].as_array().expect("panels");
        let mut taken = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for panel in panels {
            let place = board.place(panel);
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{place}: its id is taken");
            let at = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
            assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{place}: off the grid");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    let before = taken.insert((x, y), place.clone());
                    assert_eq!(before, None, "{place} overlaps another panel");
                }
            }
        }
    }
}

#[test]
fn every_metric_of_countersign_is_on_a_dashboard() {
    let help = Regex::new(r#""(countersign_[a-z_]+)""#).expect("a pattern");
    let shown: String = FILES.iter().map(|file| read(&format!("dashboards/{file}"))).collect();
    let mut names = 0;
    for found in help.captures_iter(&read("src/metrics/families.rs")) {
        assert!(shown.contains(&found[1]), "`{}` is not shown anywhere", &found[1]);
        names += 1;
    }
    assert!(names >= 22, "the names were not found: {names}");
}
