//! Configuration texts for tests, with ports chosen by the kernel.

use std::fmt::Write;
use std::path::Path;

use super::openssl::KeyPair;

/// Builds a configuration with one account named `shop`.
pub struct ConfigBuilder {
    listen: String,
    account: String,
    sections: String,
    files: Vec<(&'static str, String)>,
}

impl ConfigBuilder {
    /// One account towards `base_url`, signing with the shared merchant key.
    pub fn new(base_url: &str) -> Self {
        Self::with_key(base_url, KeyPair::merchant())
    }

    pub fn with_key(base_url: &str, key: &KeyPair) -> Self {
        let mut sections = String::new();
        writeln!(
            sections,
            "[[account.signing_key]]\nid = \"k1\"\nprivate_key = {{ file = {:?} }}",
            key.private()
        )
        .expect("a string");
        Self {
            listen: "app = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n".to_owned(),
            account: format!(
                "name = \"shop\"\nprovider = \"bluepay\"\nbase_url = \"{base_url}\"\napp_id = \"app-4711\"\n\
                 notify_url = \"https://merchant.example/notify\"\n"
            ),
            sections,
            files: Vec::new(),
        }
    }

    /// The demo merchant towards the sandbox, with a profile that believes "not found" after a second.
    pub fn towards_sandbox(base_url: &str) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let config = Self {
            listen: "app = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n".to_owned(),
            account: format!(
                "name = \"shop\"\nprovider = \"bluepay\"\nbase_url = \"{base_url}\"\n\
                 app_id = \"countersign-demo-app\"\ncurrency = \"THB\"\ntimezone = \"+07:00\"\n"
            ),
            sections: format!(
                "[[account.signing_key]]\nid = \"demo\"\nprivate_key = {{ file = \"{root}/config/demo/merchant.pem\" }}\n"
            ),
            files: Vec::new(),
        };
        config.grace(1)
    }

    /// With a profile that believes "not found" after so many seconds.
    pub fn grace(mut self, seconds: u32) -> Self {
        let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/config/providers/bluepay.toml");
        let profile = std::fs::read_to_string(profile).expect("the profile");
        let profile = profile.replace("grace_seconds = 60", &format!("grace_seconds = {seconds}"));
        self.account = self.account.replace("\"bluepay\"\n", "{ file = \"profile.toml\" }\n");
        self.file("profile.toml", profile)
    }

    /// Puts a file beside the configuration.
    pub fn file(mut self, name: &'static str, text: String) -> Self {
        self.files.push((name, text));
        self
    }

    /// Takes the provider profile from that file.
    pub fn profile(mut self, file: &Path) -> Self {
        let named = format!("provider = {{ file = {file:?} }}");
        self.account = self.account.replace("provider = \"bluepay\"", &named);
        self
    }

    /// Replaces the `[listen]` table's lines.
    pub fn listen(mut self, lines: &str) -> Self {
        self.listen = format!("{lines}\n");
        self
    }

    /// Adds lines to the account itself.
    pub fn account(mut self, lines: &str) -> Self {
        writeln!(self.account, "{lines}").expect("a string");
        self
    }

    /// Adds whole sections below the account, such as `[account.limits]`.
    pub fn section(mut self, lines: &str) -> Self {
        writeln!(self.sections, "{lines}").expect("a string");
        self
    }

    /// Listens for the provider too, and trusts this public key. Further calls add more keys: `p1`, `p2` and so on.
    pub fn notified_by(mut self, public_key: impl AsRef<Path>) -> Self {
        const SIDE: &str = "notify = \"127.0.0.1:0\"\n";
        if !self.listen.contains(SIDE) {
            self.listen.push_str(SIDE);
        }
        let number = self.sections.matches("[[account.provider_key]]").count() + 1;
        let file = public_key.as_ref();
        self.section(&format!(
            "[[account.provider_key]]\nid = \"p{number}\"\npublic_key = {{ file = {file:?} }}"
        ))
    }

    /// Leaves the account without a `notify_url`.
    pub fn without_notify_url(mut self) -> Self {
        self.account = self
            .account
            .lines()
            .filter(|line| !line.starts_with("notify_url"))
            .fold(String::new(), |text, line| text + line + "\n");
        self
    }

    /// Replaces every section below the account, including the signing key, by `lines`.
    pub fn only_signing_key(mut self, lines: &str) -> Self {
        self.sections = format!("{lines}\n");
        self
    }

    /// Files beside the configuration.
    pub fn files(&self) -> &[(&'static str, String)] {
        &self.files
    }

    pub fn text(&self) -> String {
        format!(
            "[listen]\n{}\n[log]\nformat = \"json\"\nlevel = \"trace\"\n\n[[account]]\n{}\n{}",
            self.listen, self.account, self.sections
        )
    }
}
