//! Records why each mirror is in an answer or not: the trait to which a selection reports, and an
//! implementation that stores the reports.
//!
//! [`select`](super::select::select) and [`limit`](super::select::limit) report what they do to a
//! [`Tracer`]. Answers run them with [`NoTrace`], whose empty methods cost nothing in the compiled
//! code. An explanation runs the same code with a [`Recorder`], so no second selection can differ from
//! the first.
//!
//! Reports come in the order of the decisions, and a later one about a mirror replaces an earlier one:
//! a private mirror is left out until one of its own networks takes it.

use model::geo::{Continent, Country};
use model::ids::HostId;
use model::net::Prefix;
use model::tier::Tier;
use snapshot::members;

/// Receives the decisions of a selection. The default methods do nothing.
pub trait Tracer {
    /// These mirrors, the `word`-th word of a set, are left out unless one of their networks takes
    /// them. Bits beyond the last mirror of the snapshot are ignored.
    #[inline]
    fn left_out(&mut self, word: usize, hosts: u64, reason: Reason) {
        let _ = (word, hosts, reason);
    }

    /// This mirror is left out, and no network takes it.
    #[inline]
    fn excluded(&mut self, host: HostId) {
        let _ = host;
    }

    /// These mirrors, the `word`-th word of a set, are of the current tier unless they were taken
    /// before.
    #[inline]
    fn added(&mut self, word: usize, hosts: u64, via: FoundVia) {
        let _ = (word, hosts, via);
    }

    /// This mirror is of the current tier, and was not taken before.
    #[inline]
    fn taken(&mut self, host: HostId, via: FoundVia) {
        let _ = (host, via);
    }

    /// A tier is complete: it has these mirrors, in this order, after the first `n_before`.
    #[inline]
    fn ordered(&mut self, tier: Tier, n_before: usize, hosts: &[HostId]) {
        let _ = (tier, n_before, hosts);
    }

    /// This mirror is moved forward, before others that were selected earlier.
    #[inline]
    fn moved(&mut self, host: HostId, moved: Moved) {
        let _ = (host, moved);
    }

    /// These mirrors had been selected and are not listed.
    #[inline]
    fn cut(&mut self, hosts: &[HostId], cut: Cut) {
        let _ = (hosts, cut);
    }
}

/// The tracer of answers, which ignores all reports.
pub struct NoTrace;

impl Tracer for NoTrace {}

/// The rule that brought a mirror into a tier; the first one if there are several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoundVia {
    /// A preferred network of its own.
    Netblock(Prefix),
    /// The client's autonomous system.
    Asn(u32),
    /// A country, in which it is listed.
    Country(Country),
    /// A continent with a country in which it is listed. Answers that name contributions use
    /// countries instead.
    Continent(Continent),
    /// Its distance from the client's area: between these, in km.
    Distance((u16, u16)),
    /// The whole world.
    Global,
}

/// The reason why a mirror was not selected: the first that holds, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is the server of the fallback, which is listed last in any case.
    IsFallback,
    /// It does not carry the directory.
    NotCarried,
    /// None of its URLs has a usable protocol.
    NoProtocol,
    /// The request excludes its host.
    Excluded,
    /// The request excludes its country.
    ExcludedCountry,
    /// It is known not to work over the version of IP that the request asks for.
    IpVersion,
    /// It is private, and none of its own networks that count contains the client.
    Private,
    /// It gets no share of the load at present.
    Rests,
    /// It does not serve the client's country, and none of its own networks that count contains the
    /// client; or it does not serve every country, and the list is the same for all.
    RefusesCountry,
    /// It is usable, but only mirrors of other countries are listed.
    OtherCountry,
    /// It is usable, but a mirror with a monopoly is listed instead, as the client is in one of its
    /// networks.
    Monopoly,
    /// It is usable, but no tier reached it: there were enough nearer mirrors, or other countries
    /// were asked for.
    NotReached,
}

/// The reason why a selected mirror is not listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// All of its URLs are listed for mirrors before it.
    RepeatedUrls,
    /// The list is full.
    BeyondMax,
    /// The answer is a redirect, and has none of its URLs: there is no room for it in the header `Link`, it
    /// has no URL to which a redirect can lead, or it is the server that was asked. Explanations only say so.
    NotLinked,
}

/// The reason why a mirror was moved forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// To the first place: the share of a mirror of its band is limited.
    MaxShare,
    /// To the first place, or to one of the first: others do not work over the client's version of IP, or are
    /// not known to.
    IpVersion,
    /// To the first place: who is first in redirects changes with time.
    Position,
}

/// How a mirror was selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selected {
    /// The tier in which it was selected.
    pub tier: Tier,
    /// The rule that brought it there.
    pub via: FoundVia,
    /// Its place after the tiers were ordered, from 0 on, before the list was shaped.
    pub drawn: usize,
    /// Why it was moved forward, if it was for another reason than to spread the first mirrors over networks.
    pub moved: Option<Moved>,
}

/// The verdict about a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is listed at `place`, from 0 on.
    Listed {
        /// How it was selected.
        selected: Selected,
        /// Its place in the list, which can differ from `drawn` if the list was shaped.
        place: usize,
    },
    /// It was selected and is not listed.
    Cut {
        /// How it was selected.
        selected: Selected,
        /// Why it is not listed.
        cut: Cut,
    },
    /// It was not selected.
    Out(Reason),
}

/// Stores the verdict about each mirror.
pub struct Recorder {
    /// By [`HostId`].
    states: Vec<State>,
    /// The tiers in the order in which they were taken, each with its mirrors.
    tiers: Vec<(Tier, Vec<HostId>)>,
}

/// The state of a mirror during the selection.
#[derive(Clone, Copy)]
enum State {
    Out(Reason),
    /// It is in the current tier.
    Taken(FoundVia),
    Selected(Selected),
    Cut(Selected, Cut),
}

impl Recorder {
    /// A recorder for a snapshot of `n_hosts` mirrors.
    pub fn new(n_hosts: usize) -> Self {
        Self { states: vec![State::Out(Reason::NotReached); n_hosts], tiers: Vec::new() }
    }

    /// Takes the tiers out, in the order in which they were taken, each with the mirrors that it added. None
    /// is empty.
    pub fn take_tiers(&mut self) -> Vec<(Tier, Vec<HostId>)> {
        std::mem::take(&mut self.tiers)
    }

    /// The verdicts, by [`HostId`]; `listed` are the mirrors that are listed in the end.
    pub fn finish(self, listed: &[HostId]) -> Vec<Verdict> {
        let mut places = vec![None; self.states.len()];
        for (place, host) in listed.iter().enumerate() {
            if let Some(entry) = places.get_mut(host.index()) {
                *entry = Some(place);
            }
        }
        let verdict = |(state, place): (State, Option<usize>)| match (state, place) {
            (State::Selected(selected), Some(place)) => Verdict::Listed { selected, place },
            (State::Cut(selected, cut), _) => Verdict::Cut { selected, cut },
            (State::Out(reason), _) => Verdict::Out(reason),
            // This does not happen: every tier is ordered, and every selected mirror that is not listed
            // was cut (see `tests/it/select_twin.rs`).
            (State::Taken(_) | State::Selected(_), _) => Verdict::Out(Reason::NotReached),
        };
        self.states.into_iter().zip(places).map(verdict).collect()
    }

    /// Updates the state of a mirror; ignores ids that are not of the snapshot.
    fn decide(&mut self, host: HostId, decide: impl FnOnce(State) -> State) {
        if let Some(state) = self.states.get_mut(host.index()) {
            *state = decide(*state);
        }
    }

    fn decide_word(&mut self, word: usize, hosts: u64, decide: impl Fn(State) -> State) {
        let Ok(base) = u32::try_from(word * 64) else { return };
        for HostId(bit) in members(&[hosts]) {
            self.decide(HostId(base + bit), &decide);
        }
    }
}

impl Tracer for Recorder {
    fn left_out(&mut self, word: usize, hosts: u64, reason: Reason) {
        self.decide_word(word, hosts, |_| State::Out(reason));
    }

    fn excluded(&mut self, host: HostId) {
        self.decide(host, |_| State::Out(Reason::IsFallback));
    }

    fn added(&mut self, word: usize, hosts: u64, via: FoundVia) {
        self.decide_word(word, hosts, |state| match state {
            State::Out(_) => State::Taken(via),
            taken => taken,
        });
    }

    fn taken(&mut self, host: HostId, via: FoundVia) {
        self.decide(host, |_| State::Taken(via));
    }

    fn ordered(&mut self, tier: Tier, n_before: usize, hosts: &[HostId]) {
        if !hosts.is_empty() {
            self.tiers.push((tier, hosts.to_vec()));
        }
        for (drawn, &host) in (n_before..).zip(hosts) {
            self.decide(host, |state| match state {
                State::Taken(via) => State::Selected(Selected { tier, via, drawn, moved: None }),
                other => other,
            });
        }
    }

    fn moved(&mut self, host: HostId, moved: Moved) {
        self.decide(host, |state| match state {
            State::Selected(selected) => {
                State::Selected(Selected { moved: Some(moved), ..selected })
            }
            other => other,
        });
    }

    fn cut(&mut self, hosts: &[HostId], cut: Cut) {
        for &host in hosts {
            self.decide(host, |state| match state {
                State::Selected(selected) => State::Cut(selected, cut),
                other => other,
            });
        }
    }
}
