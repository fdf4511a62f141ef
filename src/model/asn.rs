//! Numbers of autonomous systems.

/// The placeholder for a system number of more than 16 bits, used by software that cannot express it
/// (RFC 6793).
pub const AS_TRANS: u32 = 23_456;

/// Parses `64500`, `AS64500`, or `0.64500`.
pub fn parse(text: &str) -> Option<u32> {
    let number = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("as") => {
            let rest = text.get(2..)?;
            rest.strip_prefix(['n', 'N']).unwrap_or(rest).trim_start()
        }
        _ => text,
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('.') {
        Some((high, low)) if digits(high) && digits(low) => {
            let (high, low) = (high.parse::<u16>().ok()?, low.parse::<u16>().ok()?);
            Some(u32::from(high) << 16 | u32::from(low))
        }
        None if digits(number) => number.parse().ok(),
        _ => None,
    }
}

/// Whether a number belongs to one system: neither [`AS_TRANS`] nor one that is reserved (RFC 7300,
/// RFC 7607).
pub fn is_of_one_system(number: u32) -> bool {
    !matches!(number, 0 | AS_TRANS | 65_535 | u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_notations() {
        for text in ["64496", "AS64496", "as64496", "AS 64496", "ASN64496", "0.64496"] {
            assert_eq!(parse(text), Some(64_496), "{text}");
        }
        assert_eq!(parse("1.10"), Some(65_546));
        for text in ["", "AS", "x", "1.", ".1", "1.2.3", "65536.0", "4294967296", "-1", "ä1"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(is_of_one_system(64_496) && !is_of_one_system(0) && !is_of_one_system(AS_TRANS));
    }
}
