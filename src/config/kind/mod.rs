//! Kinds of value in a configuration file.

/// Declares kinds of value that are not secret and need only a rule: from text to a parsed value, or nothing.
macro_rules! kinds {
    ($(
        $(#[$about:meta])*
        $name:ident -> $parsed:ty: $parse:expr, expected: $expected:expr, schema: $schema:tt;
    )*) => {$(
        $(#[$about])*
        pub(crate) struct $name;

        kind!($name -> $parsed: $parse, secret: false, expected: $expected, schema: $schema);
    )*};
}

/// Makes a type such a kind of value.
macro_rules! kind {
    (
        $name:ident -> $parsed:ty: $parse:expr,
        secret: $secret:literal, expected: $expected:expr, schema: $schema:tt
    ) => {
        impl $crate::config::read::Kind for $name {
            type Parsed = $parsed;

            const SECRET: bool = $secret;

            fn expected() -> String {
                $expected.into()
            }

            fn parse(text: &str) -> Result<$parsed, $crate::config::read::Wrong> {
                let parse: fn(&str) -> Option<$parsed> = $parse;
                parse(text).ok_or_else(Self::wrong)
            }

            fn schema() -> serde_json::Value {
                serde_json::json!($schema)
            }
        }
    };
}

pub(crate) mod money;
pub(crate) mod pem;
pub(crate) mod secrets;
pub(crate) mod texts;
pub(crate) mod units;
pub(crate) mod urls;
