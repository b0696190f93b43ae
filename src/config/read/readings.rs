//! Values that were read from elsewhere, and secrets written in the file itself, kept for comparing two
//! configurations.

use zeroize::Zeroizing;

/// Every such value by its key path.
#[derive(Default)]
pub struct Readings(pub(crate) Vec<Reading>);

/// One value as read.
pub(crate) struct Reading {
    pub path: String,
    pub is_secret: bool,
    pub text: Zeroizing<String>,
}

impl Readings {
    pub(super) fn note(&mut self, path: &str, is_secret: bool, text: &str) {
        let text = Zeroizing::new(text.to_owned());
        self.0.push(Reading { path: path.to_owned(), is_secret, text });
    }
}
