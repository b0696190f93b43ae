//! An explanation as text for a terminal.

use std::fmt;

use super::{Explanation, KeyReport, Role};

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.conclusion)?;
        if let Some(text) = &self.text {
            writeln!(out)?;
            writeln!(
                out,
                "signed text  {} bytes, to be signed with {}",
                text.bytes,
                text.hash.title()
            )?;
            writeln!(out, "sha-256      {}", text.sha256)?;
            writeln!(out, "{}", visible(&text.text))?;
        }
        if let Some(signature) = &self.signature {
            writeln!(out)?;
            write!(out, "signature    {} characters, ", signature.characters)?;
            match signature.bytes {
                Some(bytes) => writeln!(out, "{bytes} bytes")?,
                None => writeln!(out, "not encoded as the recipe says")?,
            }
        }
        if !self.keys.is_empty() {
            writeln!(out)?;
        }
        for key in &self.keys {
            writeln!(out, "key          {}, {} bits: {}", key.name, key.bits, relation(key))?;
            writeln!(out, "             {}", key.fingerprint)?;
        }
        if !self.near_misses.is_empty() {
            writeln!(out)?;
        }
        for miss in &self.near_misses {
            writeln!(out, "near miss    key `{}` verifies: {}", miss.key, miss.explanation)?;
        }
        Ok(())
    }
}

fn relation(key: &KeyReport) -> String {
    match (key.verifies, &key.signed, key.role) {
        (true, _, Role::Expected) => "verifies".into(),
        (true, _, Role::Other) => "verifies, but is not an expected key".into(),
        (false, Some(signed), _) => {
            format!("signed another text, with {} {}", signed.hash.title(), signed.digest)
        }
        (false, None, _) => "did not sign".into(),
    }
}

/// The text with its control characters made visible: a terminal would execute them, and this text comes from
/// outside.
fn visible(text: &str) -> String {
    let shown = text.chars().map(|character| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    });
    shown.collect()
}
