//! Whom a report is for.

use serde::{Deserialize, Serialize};

/// Whom a report is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Those who run the server: private mirrors are in the report.
    Operator,
    /// Everybody: mirrors are chosen as for a client in no private network, and private mirrors are
    /// neither named nor counted.
    Public,
}

impl From<Audience> for answer::explain::Audience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Operator => Self::Operator,
            Audience::Public => Self::Public,
        }
    }
}
