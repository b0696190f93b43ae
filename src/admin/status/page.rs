//! Assembles the page from its three sources, and builds the policy that lets a browser run exactly these.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

const MARKUP: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page and the `Content-Security-Policy` that goes with it.
pub(super) struct Page {
    pub html: Bytes,
    pub policy: String,
}

/// The page; built once.
pub(super) fn page() -> &'static Page {
    static PAGE: LazyLock<Page> = LazyLock::new(|| assemble(MARKUP, STYLE, SCRIPT));
    &PAGE
}

fn assemble(markup: &str, style: &str, script: &str) -> Page {
    let html = markup.replacen("{style}", style, 1).replacen("{script}", script, 1);
    // By hash, so that nothing else that gets into the page is run. Trusted types keep the script itself from turning
    // text into markup.
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(script),
        hash(style)
    );
    Page { html: html.into(), policy }
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_exactly_what_the_browser_hashes() {
        let html = String::from_utf8(page().html.to_vec()).expect("text");
        for tag in ["script", "style"] {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            let pieces: Vec<&str> = html.split(&open).skip(1).collect();
            assert_eq!(pieces.len(), 1, "the policy has a hash for one inline <{tag}>");
            let inside = pieces[0].split(&close).next().expect("its end");
            let hash = hash(inside);
            assert!(page().policy.contains(&hash), "{tag}: {hash} is not in {}", page().policy);
        }
    }

    #[test]
    fn the_page_refers_to_nothing_outside_itself() {
        let html = String::from_utf8(page().html.to_vec()).expect("text");
        // The name of a namespace, which is never fetched.
        let html = html.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//cdn", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "`{outside}` is in the page");
        }
    }

    #[test]
    fn text_never_becomes_markup() {
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!SCRIPT.contains(way), "the script uses `{way}`: a name could bring markup");
        }
        for attribute in [" onclick=", " onload=", " style="] {
            assert!(!MARKUP.contains(attribute), "the policy forbids `{attribute}`");
        }
    }
}
