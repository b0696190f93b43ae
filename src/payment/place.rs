//! Where a payment was made: only that place can say that it does not have it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of each part's hash. Short, because a collision is of no use to an attacker, and every row has four of these.
const PART_BYTES: usize = 6;

/// The names of the parts, in their order, as shown to an operator.
const PARTS: [&str; 4] = ["profile", "base_url", "app_id", "paths"];

/// A digest of everything that a provider finds a payment by: the profile's name, the base URL, the application id, and
/// the paths of the operation and of its status query. Each part is hashed by itself, so that two places can be
/// compared part by part. Keys and TLS material are not included: they say who sends, not where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place([[u8; PART_BYTES]; PARTS.len()]);

impl Place {
    /// `base_url` in its normal form. `query_path` is `None` where the operation has no query.
    pub fn of(
        profile: &str,
        base_url: &str,
        app_id: &str,
        path: &str,
        query_path: Option<&str>,
    ) -> Self {
        // No path has a space in it.
        let paths = format!("{path} {}", query_path.unwrap_or_default());
        Self([profile, base_url, app_id, &paths].map(hashed))
    }

    /// The parts in which `other` differs, such as `base_url, app_id`; empty when it is the same place.
    pub fn differences(&self, other: &Self) -> String {
        let parts = PARTS.iter().zip(self.0.iter().zip(&other.0));
        let differ: Vec<&str> =
            parts.filter(|(_, (own, its))| own != its).map(|(name, _)| *name).collect();
        differ.join(", ")
    }

    /// The text form of [`Self`].
    pub fn from_text(text: &str) -> Option<Self> {
        let mut place = Self([[0; PART_BYTES]; PARTS.len()]);
        let mut parts = text.split('-');
        for part in &mut place.0 {
            let written = parts.next().filter(|written| written.is_ascii())?;
            if written.len() != 2 * PART_BYTES {
                return None;
            }
            for (index, byte) in part.iter_mut().enumerate() {
                *byte = u8::from_str_radix(written.get(2 * index..2 * index + 2)?, 16).ok()?;
            }
        }
        parts.next().is_none().then_some(place)
    }
}

fn hashed(part: &str) -> [u8; PART_BYTES] {
    digest(&SHA256, part.as_bytes()).as_ref().first_chunk().copied().unwrap_or_default()
}

/// Its parts in hexadecimal, with a `-` between them.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("-")?;
            }
            part.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base_url: &str, app_id: &str) -> Place {
        Place::of("bluepay", base_url, app_id, "/pay", Some("/status"))
    }

    #[test]
    fn the_parts_in_which_two_places_differ_are_named() {
        let here = place("https://x.example", "a");
        assert_eq!(here.differences(&place("https://x.example", "a")), "");
        assert_eq!(here.differences(&place("https://y.example", "a")), "base_url");
        assert_eq!(here.differences(&place("https://y.example", "b")), "base_url, app_id");
        let without_query = Place::of("other", "https://x.example", "a", "/pay", None);
        assert_eq!(here.differences(&without_query), "profile, paths");
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let here = place("https://x.example", "a");
        assert_eq!(Place::from_text(&here.to_string()), Some(here));
        for odd in ["", "00", "000000000000-000000000000-000000000000", "é", "zz0000000000"] {
            assert_eq!(Place::from_text(odd), None, "{odd}");
        }
    }
}
