//! What failures can have in common, and what is known of a mirror from visit to visit by that.
//!
//! A visit goes over one route, so it says little by itself.

use model::families::IpVersion;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// What failures can have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shared {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// URLs of http.
    Plain,
    /// URLs of https.
    Tls,
    /// What repositories hold, whatever the URL.
    Content,
}

impl Shared {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::V4, Self::V6, Self::Plain, Self::Tls, Self::Content];

    /// The scheme of a base URL.
    fn scheme(url: &str) -> Self {
        if url.starts_with("https:") { Self::Tls } else { Self::Plain }
    }

    pub(crate) fn is_scheme(self) -> bool {
        matches!(self, Self::Plain | Self::Tls)
    }

    fn version(version: IpVersion) -> Self {
        match version {
            IpVersion::V4 => Self::V4,
            IpVersion::V6 => Self::V6,
        }
    }

    pub(crate) fn covers(self, url: &str, version: IpVersion) -> bool {
        self == Self::scheme(url) || self == Self::version(version)
    }
}

/// Something for each [`Shared`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ByShared<T> {
    /// Of IPv4.
    pub v4: T,
    /// Of IPv6.
    pub v6: T,
    /// Of http.
    pub plain: T,
    /// Of https.
    pub tls: T,
    /// Of the content of repositories.
    pub content: T,
}

impl<T> ByShared<T> {
    /// What is there for it.
    pub fn get(&self, shared: Shared) -> &T {
        match shared {
            Shared::V4 => &self.v4,
            Shared::V6 => &self.v6,
            Shared::Plain => &self.plain,
            Shared::Tls => &self.tls,
            Shared::Content => &self.content,
        }
    }

    pub(crate) fn get_mut(&mut self, shared: Shared) -> &mut T {
        match shared {
            Shared::V4 => &mut self.v4,
            Shared::V6 => &mut self.v6,
            Shared::Plain => &mut self.plain,
            Shared::Tls => &mut self.tls,
            Shared::Content => &mut self.content,
        }
    }
}

/// What is known of a mirror from its last visits.
pub type Recents = ByShared<Recent>;

/// What is known of something of a mirror from its last visits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recent {
    /// When it was tried last.
    pub tried: Option<Moment>,
    /// When it worked last.
    pub good: Option<Moment>,
    /// Since when it fails; `None` if it does not.
    pub failing: Option<Moment>,
    /// Since when a scheme fails over IPv4, if that was tried since it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_v4: Option<Moment>,
    /// Since when a scheme fails over IPv6, if that was tried since it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_v6: Option<Moment>,
}

impl Recent {
    fn failing_over_mut(&mut self, version: IpVersion) -> &mut Option<Moment> {
        match version {
            IpVersion::V4 => &mut self.failing_v4,
            IpVersion::V6 => &mut self.failing_v6,
        }
    }
}

impl Recents {
    /// Brings times back to `credited`, as time has stood still since then.
    pub(crate) fn hold(&mut self, credited: u64) {
        for shared in Shared::ALL {
            let Recent { tried, good, failing, failing_v4, failing_v6 } = self.get_mut(shared);
            for at in [tried, good, failing, failing_v4, failing_v6].into_iter().flatten() {
                *at = at.held(credited);
            }
        }
    }

    /// Takes in whether something worked in a visit. `has_failed` says whether a scheme failed over a version of IP.
    pub(crate) fn note(
        &mut self,
        at: Moment,
        seen: &ByShared<Option<bool>>,
        has_failed: impl Fn(Shared, IpVersion) -> bool,
    ) {
        for shared in Shared::ALL {
            let recent = self.get_mut(shared);
            match seen.get(shared) {
                None => {}
                Some(true) => {
                    *recent = Recent { tried: Some(at), good: Some(at), ..Recent::default() };
                }
                Some(false) => {
                    recent.tried = Some(at);
                    recent.failing.get_or_insert(at);
                    let of_scheme = IpVersion::ALL.into_iter().filter(|_| shared.is_scheme());
                    for version in of_scheme.filter(|&version| has_failed(shared, version)) {
                        recent.failing_over_mut(version).get_or_insert(at);
                    }
                }
            }
        }
    }

    /// Whether it is known over which versions of IP a scheme fails.
    pub(crate) fn names_versions(&self) -> bool {
        let schemes = [self.plain, self.tls];
        schemes.iter().any(|recent| recent.failing_v4.is_some() || recent.failing_v6.is_some())
    }
}
