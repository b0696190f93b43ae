//! What is written about the work beside the log: the audit log and traces. Their sections of the file, as in `file`,
//! checked and built.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::TlsFile;
use super::tls::{self, Place};
use crate::config::kind::urls::DeliveryUrl;
use crate::config::read::kind::{Setting, Wrong};
use crate::config::read::reader::Walk;
use crate::config::read::section::Section;
use crate::config::read::value::{Leaf, Required};
use crate::config::snapshot::{Audit, Tracing};

/// The audit log.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AuditFile {
    /// The file that lines are added to, relative to this file's folder; a second one beside it, with `.head` at the
    /// end of its name, remembers how far it got. No audit log by default.
    pub file: Leaf<FilePath>,
}

/// Traces.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TracingFile {
    /// A collector that takes OTLP over HTTP. Nothing is exported by default.
    pub otlp: Section<OtlpFile>,
    /// Of the traces that begin here, the share that is exported, from 0.0 to 1.0. What an application began is exported
    /// when the application exports it.
    #[schemars(extend("default" = TracingFile::SAMPLE))]
    pub sample: Leaf<Share>,
}

impl TracingFile {
    pub const SAMPLE: f64 = 1.0;
}

/// A collector of traces.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct OtlpFile {
    /// Its address, such as `http://127.0.0.1:4318`; traces are posted to `/v1/traces` below it.
    pub endpoint: Required<Leaf<DeliveryUrl>>,
    /// The name under which it shows this process.
    #[schemars(extend("default" = OtlpFile::SERVICE))]
    pub service: Leaf<ServiceName>,
    /// TLS towards an https collector. The system's roots and the URL's host name by default.
    pub tls: Section<TlsFile>,
}

impl OtlpFile {
    pub const SERVICE: &str = "countersign";
}

/// Where a collector takes traces, below its endpoint (OTLP over HTTP).
const TRACES_PATH: &str = "/v1/traces";

/// Checks `[audit]`. Nothing where no file is named.
pub(crate) fn audit(walk: &mut Walk<'_>, file: &AuditFile) -> Option<Audit> {
    let FilePath(written) = walk.optional(&file.file)?;
    let (located, warning) = walk.sources.locate(&written);
    if let Some(warning) = warning {
        walk.warn(&file.file.path, warning);
    }
    Some(Audit { file: located.path.into() })
}

/// Checks `[tracing]`. Nothing where there is nowhere to export to, and where something in it is wrong.
pub(crate) fn tracing(walk: &mut Walk<'_>, file: &TracingFile) -> Option<Tracing> {
    let sample = walk.or(&file.sample, TracingFile::SAMPLE).0;
    let otlp = walk.given_section(&file.otlp)?;
    let endpoint = walk.required(&otlp.endpoint);
    let place = endpoint.as_ref().map(Place::of_application);
    let target = tls::compile(walk, "endpoint", place, &otlp.tls);
    let service = walk.or(&otlp.service, OtlpFile::SERVICE).0;
    let endpoint = endpoint?;
    if endpoint.url.query().is_some() {
        walk.mistake(&otlp.endpoint.0.path, "has a query, expected a URL without one");
        return None;
    }
    let path = format!("{}{TRACES_PATH}", endpoint.path_and_query().trim_end_matches('/'));
    Some(Tracing { target: target?, path, sample, service })
}

/// The sections as they were walked through, so that the caller needs one line each.
pub(crate) fn compile(
    walk: &mut Walk<'_>,
    audit_section: &Section<AuditFile>,
    tracing_section: &Section<TracingFile>,
) -> (Option<Audit>, Option<Tracing>) {
    let audited = walk.section(audit_section).and_then(|file| audit(walk, file));
    let traced = walk.section(tracing_section).and_then(|file| tracing(walk, file));
    (audited, traced)
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share(pub f64);

impl Setting for Share {
    const SECRET: bool = false;

    fn expected() -> String {
        "a number from 0.0 to 1.0".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let number: f64 = text.parse().map_err(|_| Self::wrong())?;
        match (0.0..=1.0).contains(&number) {
            true => Ok(Self(number)),
            false => Err(Self::wrong()),
        }
    }

    fn from_literal(literal: &Value) -> Result<Self, Wrong> {
        match literal {
            Value::Number(number) => Self::from_text(&number.to_string()),
            Value::String(text) => Self::from_text(text),
            _ => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// The path of a file that is written.
#[derive(Debug, Clone)]
pub(crate) struct FilePath(pub String);

impl Setting for FilePath {
    const SECRET: bool = false;

    fn expected() -> String {
        "the path of a file, such as `data/audit.log`".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match !text.is_empty() && !text.ends_with('/') && !text.chars().any(char::is_control) {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// The name under which a collector shows us.
#[derive(Debug, Clone)]
pub(crate) struct ServiceName(pub String);

impl Setting for ServiceName {
    const SECRET: bool = false;

    fn expected() -> String {
        "a name of 1 to 64 visible ASCII characters".into()
    }

    fn from_text(text: &str) -> Result<Self, Wrong> {
        let fits = (1..=64).contains(&text.len());
        match fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text.to_owned())),
            false => Err(Self::wrong()),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[!-~]{1,64}$" })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Loaded, demo, load_text};
    use crate::mistake::Mistake;

    fn load(sections: &str) -> Result<Loaded, Vec<Mistake>> {
        let key = demo::MERCHANT_PRIVATE_KEY;
        load_text(&format!(
            "{sections}\n[[account]]\nname = \"shop\"\nprovider = \"bluepay\"\n\
             base_url = \"http://127.0.0.1:9\"\napp_id = \"a\"\n\
             signing_key = [{{ id = \"k\", private_key = \"\"\"{key}\"\"\" }}]\n"
        ))
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_key() {
        for (sections, key) in [
            ("[audit]\nfile = \"\"", "audit.file"),
            ("[audit]\nfile = \"data/\"", "audit.file"),
            ("[tracing]\nsample = 1.5", "tracing.sample"),
            ("[tracing]\nsample = nan", "tracing.sample"),
            ("[tracing.otlp]\nservice = \"x\"", "tracing.otlp.endpoint"),
            ("[tracing]\notlp = { endpoint = \"collector:4318\" }", "tracing.otlp.endpoint"),
            ("[tracing]\notlp = { endpoint = \"http://c:4318?a=b\" }", "tracing.otlp.endpoint"),
            ("[tracing]\notlp = { endpoint = \"http://a:b@c:4318\" }", "tracing.otlp.endpoint"),
        ] {
            let Err(mistakes) = load(sections) else { panic!("`{sections}` should be refused") };
            let told = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            assert!(told.contains(key), "`{sections}`: {told}");
        }
    }

    #[test]
    fn both_are_off_unless_they_are_told_where_to_write() {
        let boot = load("").unwrap_or_else(|mistakes| panic!("{mistakes:?}")).boot;
        assert!(boot.audit.is_none() && boot.tracing.is_none());
        let boot = load("[tracing]\nsample = 0.5").unwrap_or_else(|it| panic!("{it:?}")).boot;
        assert!(boot.tracing.is_none(), "without an endpoint there is nothing to sample for");
    }

    #[test]
    fn traces_are_posted_below_the_endpoint() {
        for (endpoint, path) in [
            ("http://127.0.0.1:4318", "/v1/traces"),
            ("http://127.0.0.1:4318/", "/v1/traces"),
            ("https://collector.example/otlp/", "/otlp/v1/traces"),
        ] {
            let loaded = load(&format!("[tracing]\notlp = {{ endpoint = \"{endpoint}\" }}"));
            let tracing = loaded.unwrap_or_else(|it| panic!("{it:?}")).boot.tracing;
            let tracing = tracing.expect("it is configured");
            assert_eq!((tracing.path.as_str(), tracing.sample), (path, 1.0), "{endpoint}");
            assert_eq!(tracing.service, "countersign");
        }
    }
}
