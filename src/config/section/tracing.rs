//! Where traces are exported to.

use super::tls::{self, TlsFile};
use crate::config::kind::texts::ServiceName;
use crate::config::kind::units::Share;
use crate::config::kind::urls::DeliveryUrl;
use crate::config::read::{Reader, Required, Section, Value, file_section};
use crate::config::snapshot::Tracing;

file_section! {
    /// Traces.
    TracingFile {
        /// A collector that accepts OTLP over HTTP. Nothing is exported by default.
        otlp: Section<OtlpFile>,
        /// The share of exported traces among those that begin here, from 0.0 to 1.0. A trace that an application
        /// began is exported when the application exports it.
        sample: Value<Share> = 1.0,
    }
}

file_section! {
    /// A collector of traces.
    OtlpFile {
        /// Its address, such as `http://127.0.0.1:4318`; traces are posted to `/v1/traces` below it.
        endpoint: Required<Value<DeliveryUrl>>,
        /// The name under which the collector shows this process.
        service: Value<ServiceName> = "countersign",
        /// TLS towards an https collector. The system's roots and the URL's host name by default.
        tls: Section<TlsFile>,
    }
}

/// The path where a collector accepts traces, below its endpoint (OTLP over HTTP).
const TRACES_PATH: &str = "/v1/traces";

/// Checks the section. Nothing if there is no endpoint, or if something in it is wrong.
pub(super) fn compile(reader: &mut Reader<'_>, file: &TracingFile) -> Option<Tracing> {
    let sample = file.sample(reader);
    let otlp = reader.given_section(&file.otlp)?;
    let endpoint = reader.required(&otlp.endpoint);
    let target = tls::target(reader, "endpoint", endpoint.as_ref(), "", &otlp.tls);
    let service = otlp.service(reader);
    let endpoint = endpoint?;
    if endpoint.url.query().is_some() {
        reader.mistake(&otlp.endpoint.path, "has a query, expected a URL without one");
        return None;
    }
    let path = format!("{}{TRACES_PATH}", endpoint.path_and_query().trim_end_matches('/'));
    Some(Tracing { target: target?, path, sample, service })
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
    fn an_impossible_value_is_refused_with_its_key() {
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
    fn both_are_off_without_a_destination() {
        let boot = load("").unwrap_or_else(|mistakes| panic!("{mistakes:?}")).boot;
        assert!(boot.audit.is_none() && boot.tracing.is_none());
        let boot = load("[tracing]\nsample = 0.5").unwrap_or_else(|it| panic!("{it:?}")).boot;
        assert!(boot.tracing.is_none(), "without an endpoint nothing is sampled");
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
