//! The stable codes of problems, as one table.

use http::StatusCode;

/// Defines [`Code`] by its rows: variant, code, HTTP status, title, and its text in the API's description. `None`
/// leaves it out of the description: the HTTP front answers with such codes before an operation is known.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $status:ident, $title:literal, $meaning:expr;)*) => {
        /// The stable codes of everything Countersign itself refuses or cannot do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn row(self) -> (&'static str, StatusCode, &'static str, Option<&'static str>) {
                match self {
                    $(Self::$variant => ($code, StatusCode::$status, $title, $meaning),)*
                }
            }
        }
    };
}

codes! {
    /// Not JSON, not an object, a duplicate member, nested too deep.
    MalformedJson, "malformed-json", BAD_REQUEST,
        "The body is not acceptable JSON",
        Some("The body is not one JSON object, has a member twice or nests too deep.");
    /// Breaks the operation's schema.
    InvalidParameters, "invalid-parameters", UNPROCESSABLE_ENTITY,
        "The parameters break the operation's rules",
        Some("The parameters break the operation's schema; `errors` lists where.");
    /// The application's token is missing or wrong, or its user is not allowed.
    Unauthorized, "unauthorized", UNAUTHORIZED,
        "The application is not authorised",
        Some("The app token is missing or wrong.");
    /// No such account or operation.
    NotFound, "not-found", NOT_FOUND,
        "There is no such account or operation",
        Some("No such account or operation.");
    /// Operations are POSTed.
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED,
        "The method is not allowed here",
        Some("Only POST is understood.");
    /// The body is longer than the listener takes.
    BodyTooLarge, "body-too-large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        Some("The body is over the limit.");
    /// The body is not declared as plain `application/json`.
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The body must be application/json",
        Some("The body is not `application/json`.");
    /// The provider refused (only in answer mode `unwrapped`; otherwise its own JSON is passed on).
    Rejected, "rejected", UNPROCESSABLE_ENTITY,
        "The provider refused",
        Some("The provider refused (answer mode `unwrapped`).");
    /// The merchant's reference was used before, with other parameters.
    ReferenceReused, "reference-reused", UNPROCESSABLE_ENTITY,
        "The reference was used with other parameters",
        Some("The same reference came with other parameters.");
    /// A call with the same reference is still under way, or its outcome is not known yet.
    InProgress, "in-progress", CONFLICT,
        "A call with this reference is under way",
        Some("A call with the same reference is still under way, or its outcome is unknown.");
    /// Over a rate, or over the money per hour.
    RateLimited, "rate-limited", TOO_MANY_REQUESTS,
        "Too many calls",
        Some("Too many calls.");
    /// Too much is under way already: the in-flight limit or the signing queue.
    Overloaded, "overloaded", SERVICE_UNAVAILABLE,
        "Too much is under way",
        Some("Too many calls in flight.");
    /// Calls of this kind failed too often recently; none is made for a while.
    CircuitOpen, "circuit-open", SERVICE_UNAVAILABLE,
        "The provider fails; no calls for a while",
        Some("The provider fails too often at the moment.");
    /// Nothing was sent: the provider could not be reached.
    ProviderUnreachable, "provider-unreachable", BAD_GATEWAY,
        "The provider could not be reached",
        Some("Nothing was sent.");
    /// The answer was not understandable, on an operation that is safe to repeat.
    ProviderError, "provider-error", BAD_GATEWAY,
        "The provider's answer could not be understood",
        Some("The answer was not understandable, on an operation that is safe to repeat.");
    /// It may have happened; repeating it under a new reference may pay twice.
    OutcomeUnknown, "outcome-unknown", GATEWAY_TIMEOUT,
        "It is not known whether this happened",
        Some("It may have happened; do not make it again under another reference.");
    /// No signing key is valid at this moment.
    KeyUnavailable, "key-unavailable", SERVICE_UNAVAILABLE,
        "No signing key is usable",
        Some("There is no usable signing key.");
    /// A record that must be durable could not be stored; nothing was done.
    StoreUnavailable, "store-unavailable", SERVICE_UNAVAILABLE,
        "The store cannot be written",
        Some("The journal could not be written; nothing was sent.");
    /// Notifications are not accepted from this address.
    Forbidden, "forbidden", FORBIDDEN,
        "This address is not admitted", None;
    /// An operator froze the account's money-moving operations.
    Frozen, "frozen", SERVICE_UNAVAILABLE,
        "The account is frozen",
        Some("An operator froze what moves money on this account.");
    /// The process is stopping and accepts no new work.
    ShuttingDown, "shutting-down", SERVICE_UNAVAILABLE,
        "The service is shutting down",
        Some("The sidecar is stopping.");
    /// The request is not valid HTTP.
    BadRequest, "bad-request", BAD_REQUEST,
        "The request is not valid HTTP", None;
    /// The header fields are too large.
    HeadTooLarge, "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The header fields are too large", None;
    /// The request did not arrive in time.
    RequestTimeout, "request-timeout", REQUEST_TIMEOUT,
        "The request did not arrive in time", None;
    /// A transfer coding that is not `chunked`.
    UnknownTransferCoding, "unknown-transfer-coding", NOT_IMPLEMENTED,
        "The transfer coding is not supported", None;
    /// An `Expect` that is not `100-continue`.
    UnknownExpectation, "unknown-expectation", EXPECTATION_FAILED,
        "The expectation cannot be met", None;
    /// A fault of Countersign itself.
    InternalError, "internal-error", INTERNAL_SERVER_ERROR,
        "Countersign failed", None;
}

impl Code {
    /// The code as used in problems, metrics and logs.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        self.row().1
    }

    /// What it means, in a few words.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// Its text in the description of the API, if it is listed there.
    pub fn meaning(self) -> Option<&'static str> {
        self.row().3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_every_one_is_listed() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len(), "two codes share a name: {names:?}");
    }
}
