//! How large a check-in may be.

/// How large a check-in may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes as sent: of a JSON document, or of what is in the base64 of a call.
    pub packed: usize,
    /// Bytes of a JSON document when it is unpacked.
    pub unpacked: u64,
    /// Bytes of a report when it is unpacked, up to and with the password of its site. The program writes it among the
    /// first sections; under Python 2 some categories can come before.
    pub before_password: u64,
    /// Directories of all categories.
    pub directories: usize,
    /// Bytes of the names of all directories.
    pub names: usize,
}

impl Default for Limits {
    /// Enough for ten times Fedora's tree, whose 100,000 directories have 6 MB of names.
    fn default() -> Self {
        Self {
            packed: 8 << 20,
            unpacked: 256 << 20,
            before_password: 4 << 20,
            directories: 1_000_000,
            names: 64 << 20,
        }
    }
}

impl Limits {
    /// The most bytes of the body of a request, whatever its form: base64 takes four bytes for three.
    pub fn body(&self) -> usize {
        self.packed / 3 * 4 + (64 << 10)
    }
}
