//! Secrets: passwords and tokens, which are compared and never shown.

use std::fmt;

/// A password or a token. It is not shown by `Debug`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret of this text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Works with its bytes, as a key.
    pub fn with<T>(&self, work: impl FnOnce(&[u8]) -> T) -> T {
        work(self.0.as_bytes())
    }

    /// Whether this text is it. How much of it is right does not show in the time taken; its length does.
    pub fn is(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference =
            own.iter().zip(given).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        own.len() == given.len() && difference == 0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_and_not_shown() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert!(secret("").is(b"") && secret("ab").is(b"ab"));
        for other in ["ac", "a", "abc", "", "ab "] {
            assert!(
                !secret("ab").is(other.as_bytes()) && secret("ab") != secret(other),
                "{other:?}"
            );
        }
        assert_eq!(format!("{:?}", secret("ab")), "Secret(..)");
    }
}
