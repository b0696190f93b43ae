//! Ids that are unique and in order of the time they were made: a prefix and 26 characters of Crockford base 32, which
//! are 48 bits of milliseconds and then 80 random bits (a ULID).

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// Eighty random bits; `None` when the system has none to give.
pub(super) fn random() -> Option<[u8; 10]> {
    let mut random = [0u8; 10];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(random)
}

/// The id made of `now_ms` and `random`; the same parts make the same id.
pub(super) fn compose(prefix: &str, now_ms: i64, random: [u8; 10]) -> String {
    let time = u128::from(now_ms.max(0).unsigned_abs() & 0xffff_ffff_ffff);
    let bits = random.iter().fold(time, |bits, byte| (bits << 8) | u128::from(*byte));
    let mut text = String::with_capacity(prefix.len() + LENGTH);
    text.push_str(prefix);
    for place in (0..LENGTH).rev() {
        let digit = (bits >> (place * 5)) & 31;
        // `digit` is below 32 by the mask.
        text.push(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]));
    }
    text
}

/// An id copied by hand: case and white space around it do not matter.
pub(super) fn read(prefix: &str, text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix(prefix).unwrap_or_default().as_bytes();
    let is_one = digits.len() == LENGTH && digits.iter().all(|digit| DIGITS.contains(digit));
    is_one.then_some(lower)
}
