//! The alert rules as files: promtool's verdict, their own tests, and a runbook for each.

use regex::Regex;

use super::{project, read, said, tool};

const RULES: &str = "alerts/countersign.rules.yml";

struct Alert {
    name: String,
    /// From its name to the next one.
    text: String,
}

fn alerts() -> Vec<Alert> {
    let text = read(RULES);
    let alerts: Vec<_> = text
        .split("- alert: ")
        .skip(1)
        .map(|text| Alert {
            name: text.lines().next().expect("a name").to_owned(),
            text: text.to_owned(),
        })
        .collect();
    assert!(alerts.len() >= 12, "the rules were not read: {}", alerts.len());
    alerts
}

fn tests() -> Vec<String> {
    let folder = project("alerts/tests");
    let files = std::fs::read_dir(&folder).expect("a folder");
    let names = files.map(|file| file.expect("a file").path().display().to_string());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yml")).collect();
    names.sort();
    names
}

#[test]
fn promtool_accepts_the_rules() {
    let output =
        tool("promtool").args(["check", "rules"]).arg(project(RULES)).output().expect("promtool");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn promtool_accepts_the_prometheus_configuration_of_the_compose_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("rules")).expect("a folder");
    std::fs::copy(project(RULES), place("rules/countersign.rules.yml")).expect("the rules");
    std::fs::copy(project("deploy/compose/prometheus.yml"), place("prometheus.yml")).expect("it");
    let checked = tool("promtool").args(["check", "config"]).arg(place("prometheus.yml")).output();
    let output = checked.expect("promtool");
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 rule files found"), "{}", said(&output));
}

#[test]
fn every_rule_passes_its_tests() {
    let output = tool("promtool").args(["test", "rules"]).args(tests()).output().expect("promtool");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn every_alert_is_tested_for_firing_and_for_staying_silent() {
    let tests: String =
        tests().iter().map(|file| std::fs::read_to_string(file).expect("a file")).collect();
    for Alert { name, .. } in alerts() {
        let speaks =
            Regex::new(&format!(r"alertname: {name}\n +eval_time: \w+\n +exp_alerts:\n +- "));
        assert!(speaks.expect("a pattern").is_match(&tests), "no test has `{name}` firing");
        let silent = Regex::new(&format!(r"alertname: {name}, eval_time: \w+, exp_alerts: \[\]"));
        assert!(silent.expect("a pattern").is_match(&tests), "no test has `{name}` silent");
    }
}

#[test]
fn every_alert_has_a_severity_and_says_what_to_do() {
    let runbooks = read("docs/runbooks.md");
    for Alert { name, text } in alerts() {
        let is_rated =
            ["severity: critical\n", "severity: warning\n"].iter().any(|line| text.contains(line));
        assert!(is_rated, "`{name}` has no severity");
        for annotation in ["summary: ", "description: "] {
            assert!(text.contains(annotation), "`{name}` has no {annotation}");
        }
        let anchor = name.to_lowercase();
        assert!(text.contains(&format!("runbook_url: docs/runbooks.md#{anchor}\n")), "{name}");
        let section = runbooks.split(&format!("\n## {name}\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("docs/runbooks.md has no section `{name}`"));
        let section = section.split("\n## ").next().expect("a first part");
        for part in ["**Means.**", "**Look at.**", "**Do.**"] {
            assert!(section.contains(part), "the runbook of `{name}` lacks {part}");
        }
    }
    for heading in runbooks.lines().filter_map(|line| line.strip_prefix("## Countersign")) {
        let name = format!("Countersign{heading}");
        assert!(
            alerts().iter().any(|alert| alert.name == name),
            "`{name}` is not an alert any more"
        );
    }
}
