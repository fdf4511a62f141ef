//! Redirects: which are followed.
//!
//! Within a site they are followed, up to a limit. To another site one is followed, and recorded: the mirror
//! is up through that site. From https to http none is followed, because clients would lose what they
//! asked for.

use std::collections::HashSet;

use super::target::{Host, Target};

/// Which redirects a mirror may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RedirectPolicy {
    /// Within the site, and once to another one.
    #[default]
    Allow,
    /// Within the site.
    SameSite,
    /// None.
    Refuse,
}

/// Why a redirect is not followed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// From https to http.
    #[error("a redirect from https to http ({0})")]
    Downgrade(String),
    /// It leads to where it was before.
    #[error("redirects in a circle ({0})")]
    Circle(String),
    /// There are too many.
    #[error("more than {0} redirects")]
    TooMany(usize),
    /// To another site, where that is not wanted, or once more to another one.
    #[error("a redirect to another site ({0})")]
    OtherSite(String),
    /// None is wanted.
    #[error("a redirect ({0})")]
    Unwanted(String),
}

/// The redirects of one request so far.
#[derive(Debug)]
pub struct Redirects {
    policy: RedirectPolicy,
    most: usize,
    seen: HashSet<Target>,
    other_site: Option<Host>,
}

impl Redirects {
    /// Of a request for `start`, of which at most `most` are followed.
    pub fn new(policy: RedirectPolicy, most: usize, start: &Target) -> Self {
        Self { policy, most, seen: HashSet::from([start.clone()]), other_site: None }
    }

    /// Whether the next one may be followed.
    pub fn check(&mut self, from: &Target, to: &Target) -> Result<(), Refusal> {
        if self.policy == RedirectPolicy::Refuse {
            return Err(Refusal::Unwanted(to.to_string()));
        }
        if from.origin().is_tls && !to.origin().is_tls {
            return Err(Refusal::Downgrade(to.to_string()));
        }
        if !is_same_site(&from.origin().host, &to.origin().host) {
            if self.policy == RedirectPolicy::SameSite || self.other_site.is_some() {
                return Err(Refusal::OtherSite(to.to_string()));
            }
            self.other_site = Some(to.origin().host.clone());
        }
        // All URLs that were asked are in it, so one more than redirects.
        if self.seen.len() > self.most {
            return Err(Refusal::TooMany(self.most));
        }
        if !self.seen.insert(to.clone()) {
            return Err(Refusal::Circle(to.to_string()));
        }
        Ok(())
    }

    /// The host of another site that one led to.
    pub fn other_site(&self) -> Option<&Host> {
        self.other_site.as_ref()
    }
}

/// Whether two hosts are the same, or names below one name that somebody registered.
fn is_same_site(one: &Host, other: &Host) -> bool {
    match (one, other) {
        _ if one == other => true,
        (Host::Name(one), Host::Name(other)) => {
            let site = psl::domain_str(one);
            site.is_some() && site == psl::domain_str(other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use model::base_url::BaseUrl;

    /// Follows URLs as far as allowed; what was refused.
    fn follow(policy: RedirectPolicy, urls: &[&str]) -> Result<Option<String>, Refusal> {
        let start = Target::below(&BaseUrl::parse(urls[0]).unwrap(), "").unwrap();
        let mut redirects = Redirects::new(policy, 5, &start);
        let mut from = start;
        for url in &urls[1..] {
            let to = from.follow(url).unwrap();
            redirects.check(&from, &to)?;
            from = to;
        }
        Ok(redirects.other_site().map(Host::to_string))
    }

    #[test]
    fn within_a_site_redirects_are_followed() {
        use RedirectPolicy::*;
        for policy in [Allow, SameSite] {
            for urls in [
                &["http://m.example.org", "https://m.example.org/", "/x"][..],
                &["http://m.example.org", "http://cdn.example.org:8080/"],
                &["http://m.example.co.uk", "http://example.co.uk/"],
                &["http://8.8.8.8", "http://8.8.8.8/x"],
                &["http://m.example.org", "/1", "/2", "/3", "/4", "/5"],
            ] {
                assert_eq!(follow(policy, urls), Ok(None), "{urls:?}");
            }
        }
        assert!(matches!(
            follow(Refuse, &["http://m.example.org", "/x"]),
            Err(Refusal::Unwanted(_))
        ));
    }

    #[test]
    fn another_site_is_followed_once_and_recorded() {
        use RedirectPolicy::*;
        let away = ["http://m.example.org", "https://cdn.example.com/x", "/y"];
        assert_eq!(follow(Allow, &away), Ok(Some("cdn.example.com".into())));
        assert!(matches!(follow(SameSite, &away), Err(Refusal::OtherSite(_))));
        for urls in [
            &["http://m.example.org", "http://a.example.com/", "http://b.example.net/"][..],
            &["http://m.example.org", "http://a.example.com/", "http://m.example.org/x"],
        ] {
            assert!(matches!(follow(Allow, urls), Err(Refusal::OtherSite(_))), "{urls:?}");
        }
        // Nobody registered a public suffix, and addresses have no sites.
        for urls in [
            ["http://a.co.uk", "http://b.co.uk/"],
            ["http://a.github.io", "http://b.github.io/"],
            ["http://8.8.8.8", "http://8.8.8.9/"],
            ["http://8.8.8.8", "http://m.example.org/"],
        ] {
            assert!(follow(Allow, &urls).unwrap().is_some(), "{urls:?}");
        }
    }

    #[test]
    fn downgrades_circles_and_long_chains_are_not_followed() {
        let follow = |urls: &[&str]| follow(RedirectPolicy::Allow, urls);
        let downgrade = follow(&["https://m.example.org", "http://m.example.org/"]);
        assert!(matches!(downgrade, Err(Refusal::Downgrade(_))));
        let circle = follow(&["http://m.example.org", "/a", "/b", "/a"]);
        assert!(matches!(circle, Err(Refusal::Circle(_))));
        let itself = follow(&["http://m.example.org", "/"]);
        assert!(matches!(itself, Err(Refusal::Circle(_))));
        let long = follow(&["http://m.example.org", "/1", "/2", "/3", "/4", "/5", "/6"]);
        assert_eq!(long, Err(Refusal::TooMany(5)));
    }
}
