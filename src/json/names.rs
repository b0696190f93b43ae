//! The accepted names of one member: the right one first, then the misspellings in its sender's documentation.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Member, Object};

/// One or more names of the same member. In a file it is a text, or a list of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberNames(Vec<String>);

/// An object has a member under two of its names, so it is not known which one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous {
    pub first: String,
    pub second: String,
}

impl MemberNames {
    /// The names, the preferred one first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name to use for the member.
    pub fn preferred(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The member of `object` under one of the names.
    pub fn find<'o, 'a>(
        &self,
        object: &'o Object<'a>,
    ) -> Result<Option<&'o Member<'a>>, Ambiguous> {
        let mut found = self.iter().filter_map(|name| object.member(name));
        let first = found.next();
        match (first, found.next()) {
            (Some(first), Some(second)) => Err(Ambiguous {
                first: first.name.clone().into_owned(),
                second: second.name.clone().into_owned(),
            }),
            _ => Ok(first),
        }
    }

    /// Whether the names are usable; the error says why not.
    pub fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("an empty list of names, expected at least one".into());
        }
        if self.iter().any(str::is_empty) {
            return Err("an empty name".into());
        }
        let repeated = self.0.iter().enumerate().find(|(at, name)| self.0[..*at].contains(name));
        match repeated {
            Some((_, name)) => Err(format!("`{name}` twice")),
            None => Ok(()),
        }
    }
}

impl<T: Into<String>> From<T> for MemberNames {
    fn from(name: T) -> Self {
        Self(vec![name.into()])
    }
}

impl FromIterator<String> for MemberNames {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for MemberNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;

        impl<'de> Visitor<'de> for TextOrList {
            type Value = MemberNames;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member name or a list of them")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<MemberNames, E> {
                Ok(name.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<MemberNames, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(MemberNames(names))
            }
        }

        deserializer.deserialize_any(TextOrList)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;

    #[derive(Debug, Deserialize)]
    struct File {
        member: MemberNames,
    }

    fn names(toml: &str) -> MemberNames {
        toml::from_str::<File>(toml).expect("names").member
    }

    #[test]
    fn a_member_under_two_of_its_names_is_ambiguous() {
        let names = names(r#"member = ["param", "params"]"#);
        let object = parse_object(br#"{"params":"1","p\u0061ram":"1"}"#).expect("JSON");
        let ambiguous = names.find(&object).expect_err("both are present");
        assert_eq!(ambiguous, Ambiguous { first: "param".into(), second: "params".into() });
    }

    #[test]
    fn a_member_is_found_under_any_of_its_names() {
        let names = names(r#"member = ["param", "params"]"#);
        for (body, raw) in
            [(r#"{"param":1}"#, Some("1")), (r#"{"params":2}"#, Some("2")), (r#"{"x":3}"#, None)]
        {
            let object = parse_object(body.as_bytes()).expect("JSON");
            let found = names.find(&object).expect("no more than one of them");
            assert_eq!(found.map(|member| member.raw), raw, "{body}");
        }
    }

    #[test]
    fn empty_and_repeated_names_are_refused() {
        assert!(names("member = []").check().is_err_and(|problem| problem.contains("empty list")));
        assert!(names(r#"member = """#).check().is_err_and(|problem| problem.contains("empty")));
        assert_eq!(names(r#"member = ["a", "b", "a"]"#).check(), Err("`a` twice".into()));
        assert_eq!(names(r#"member = "a""#).check(), Ok(()));
        let error = toml::from_str::<File>("member = 5").expect_err("a number").to_string();
        assert!(error.contains("expected a member name or a list of them"), "{error}");
    }
}
