//! "Did you mean": the known word nearest to a mistyped one.

use strsim::levenshtein;

/// The longest word that is compared, in bytes; longer words are not mistyped keys.
const WORD_BYTES_MAX: usize = 40;

/// The word among `known` that needs the fewest edits to become `word`, if a few are enough.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('-', "_");
    let distances = known.iter().map(|candidate| (levenshtein(&word, candidate), *candidate));
    let (edits, meant) = distances.min()?;
    // About a third of the word: `rat` is `rate`, `brust` is `burst`, but `port` is not `cert`.
    (edits <= ((word.len() + 1) / 3).min(3)).then_some(meant)
}

/// The intended word, as a question followed by a blank; nothing when none is near.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_intended_key() {
        let known = ["rate", "burst", "on_excess", "max_wait", "in_flight"];
        assert_eq!(nearest("rat", &known), Some("rate"));
        assert_eq!(nearest("brust", &known), Some("burst"));
        assert_eq!(nearest("on-excess", &known), Some("on_excess"));
        assert_eq!(nearest("Max_Wait", &known), Some("max_wait"));
    }

    #[test]
    fn another_word_finds_nothing() {
        let known = ["rate", "burst"];
        for word in ["timeout", "xy", "", "base", &"r".repeat(1000)] {
            assert_eq!(nearest(word, &known), None, "`{word}`");
        }
    }
}
