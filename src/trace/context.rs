//! The position in a trace: the value of the header field `traceparent` (W3C Trace Context), read and written.

use std::fmt;
use std::str::FromStr;

/// A position in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Not 0.
    pub trace_id: u128,
    /// Not 0.
    pub span_id: u64,
    /// Whether the system that began the trace exports it.
    pub is_sampled: bool,
}

/// The text is not a `traceparent`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NoTraceparent;

impl FromStr for TraceContext {
    type Err = NoTraceparent;

    /// Reads version 00, and the compatible part of later versions, as the specification requires.
    fn from_str(text: &str) -> Result<Self, NoTraceparent> {
        let (known, rest) = text.split_at_checked(LENGTH).ok_or(NoTraceparent)?;
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return Err(NoTraceparent) };
        let lengths = [version, trace, span, flags].map(str::len);
        let is_later = version != "00" && (rest.is_empty() || rest.starts_with('-'));
        if lengths != [2, 32, 16, 2] || version == "ff" || !(rest.is_empty() || is_later) {
            return Err(NoTraceparent);
        }
        hexadecimal(version)?;
        let trace_id = hexadecimal(trace)?;
        let span_id = u64::try_from(hexadecimal(span)?).map_err(|_| NoTraceparent)?;
        let flags = hexadecimal(flags)?;
        if trace_id == 0 || span_id == 0 {
            return Err(NoTraceparent);
        }
        Ok(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// The length of version 00, in bytes.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// Lower case only, as the specification requires.
fn hexadecimal(text: &str) -> Result<u128, NoTraceparent> {
    let is_lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.bytes().all(is_lower) {
        true => u128::from_str_radix(text, 16).map_err(|_| NoTraceparent),
        false => Err(NoTraceparent),
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, is_sampled } = self;
        write!(formatter, "00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(*is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_breaks_the_specification_is_refused() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-äaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(NoTraceparent), "`{text}`");
        }
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000001-0000000000000001-00",
        ] {
            assert_eq!(text.parse::<TraceContext>().expect("a traceparent").to_string(), text);
        }
    }

    #[test]
    fn the_known_part_of_a_later_version_is_read() {
        let text = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what-the-future-brings";
        let context: TraceContext = text.parse().expect("a traceparent");
        assert!(context.is_sampled);
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
    }
}
