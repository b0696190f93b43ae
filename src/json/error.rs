//! Why a text was refused, and where.

/// The deepest accepted nesting, in levels. Operations nest two deep; the rest leaves room for members we do not
/// know.
pub(super) const DEPTH_MAX: usize = 64;

/// Why a text was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    /// Offset into the text, in bytes.
    pub offset: usize,
    /// The problem at that offset.
    pub kind: JsonErrorKind,
}

/// The kinds of refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    #[error("the body is empty, expected a JSON object")]
    Empty,
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("the body starts with a byte order mark, expected plain UTF-8")]
    ByteOrderMark,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("the text ends too early, expected {0}")]
    EndsEarly(&'static str),
    #[error("member `{0}` appears twice")]
    DuplicateMember(String),
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    #[error("a string holds half of a surrogate pair")]
    LoneSurrogate,
    #[error("a string holds an unescaped control character")]
    ControlCharacter,
    #[error("a string holds an unknown escape")]
    UnknownEscape,
    #[error("text follows after the object")]
    TrailingText,
}
