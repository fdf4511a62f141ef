//! The column of AS numbers in a text table.

use model::asn::{self, AS_TRANS};

/// The parsed content of the column.
#[derive(Default)]
pub(super) struct AsNumbers {
    /// The numbers, in the order of the text, each once.
    pub(super) numbers: Vec<u32>,
    /// Whether it states that there is none.
    pub(super) is_nobody: bool,
    /// Whether part of it cannot be read.
    pub(super) has_others: bool,
}

impl AsNumbers {
    /// Reads the text of the column.
    pub(super) fn parse(column: &str) -> Self {
        let mut asns = Self::default();
        let inner = column.trim_matches(['{', '}', '[', ']', '(', ')', '"', '\'']);
        // These characters separate several numbers; blanks occur within braces only.
        for item in inner.split([',', '_', ' ', '\t', ';']).filter(|item| !item.is_empty()) {
            match asn::parse(item.trim_matches(['"', '\''])) {
                Some(0) => asns.is_nobody = true,
                Some(AS_TRANS) => asns.has_others = true,
                Some(number) if asns.numbers.contains(&number) => {}
                Some(number) => asns.numbers.push(number),
                None if is_nothing(item) => asns.is_nobody = true,
                None => asns.has_others = true,
            }
        }
        asns
    }
}

/// Whether a text is one of those that tools write for networks without an AS.
fn is_nothing(text: &str) -> bool {
    ["none", "null", "na", "n/a", "-", "nil"]
        .iter()
        .any(|nothing| text.eq_ignore_ascii_case(nothing))
}
