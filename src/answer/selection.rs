//! The chosen mirrors, with the tiers and sources that they come from.

use model::geo::Country;
use model::ids::HostId;
use model::tier::Tier;

/// A source of mirrors, as named in the first line of a text list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contribution {
    /// Preferred networks.
    Netblock,
    /// An autonomous system.
    Asn(u32),
    /// A country.
    Country(Country),
    /// The nearest mirrors of other countries.
    Nearest,
    /// The whole world.
    Global,
}

/// The chosen mirrors.
#[derive(Default, Debug)]
pub struct Selection {
    /// The mirrors, best first, each once.
    pub hosts: Vec<HostId>,
    /// The tiers of `hosts`, each with the place where it ends (exclusive). None is empty.
    pub tiers: Vec<(Tier, usize)>,
    /// The contributions that gave a listed mirror, in the order of tiers; empty unless
    /// they are to be named ([`Criteria`](super::criteria::Criteria)).
    pub contributions: Vec<Contribution>,
    /// Mirrors that are being moved to the end; a reused buffer.
    moving: Vec<HostId>,
    /// Their tiers; a reused buffer.
    moving_tiers: Vec<(Tier, usize)>,
}

impl Selection {
    /// The tier of the mirror at `place`.
    pub fn tier(&self, place: usize) -> Option<Tier> {
        self.tiers.iter().find(|&&(_, end)| place < end).map(|&(tier, _)| tier)
    }

    /// The position in `tiers` of the one to which the mirror at `place` belongs.
    pub fn step(&self, place: usize) -> Option<usize> {
        self.tiers.iter().position(|&(_, end)| place < end)
    }

    /// Makes the mirrors from `place` on a step of their own, up to the end of the step that has been theirs.
    pub fn divide(&mut self, place: usize) {
        let Some(at) = self.step(place) else { return };
        let from = at.checked_sub(1).and_then(|before| self.tiers.get(before)).map(|&(_, end)| end);
        if let (true, Some(&(tier, _))) = (place > from.unwrap_or(0), self.tiers.get(at)) {
            self.tiers.insert(at, (tier, place));
        }
    }

    /// Moves the mirrors behind the others of their step that are not `good`, as a step of their own.
    pub fn set_apart(&mut self, is_good: impl Fn(HostId) -> bool) {
        let (mut from, mut places) = (0, Vec::new());
        for &(_, end) in &self.tiers {
            let step = self.hosts.get_mut(from..end).unwrap_or(&mut []);
            let n_good = step.iter().filter(|&&host| is_good(host)).count();
            // This keeps the order of both.
            step.sort_by_key(|&host| !is_good(host));
            places.push(from + n_good);
            from = end;
        }
        places.into_iter().for_each(|place| self.divide(place));
    }

    /// Moves mirrors behind all others. Both keep their order and their tiers.
    pub fn put_last(&mut self, is_last: impl Fn(HostId) -> bool) {
        let Self { hosts, tiers, moving, moving_tiers, .. } = self;
        moving.clear();
        moving_tiers.clear();
        let (mut from, mut n_kept) = (0, 0);
        for (tier, end) in tiers.iter_mut() {
            for place in from..*end {
                let Some(&host) = hosts.get(place) else { break };
                if is_last(host) {
                    moving.push(host);
                } else if let Some(kept) = hosts.get_mut(n_kept) {
                    *kept = host;
                    n_kept += 1;
                }
            }
            (from, *end) = (*end, n_kept);
            moving_tiers.push((*tier, moving.len()));
        }
        hosts.truncate(n_kept);
        hosts.append(moving);
        tiers.extend(moving_tiers.iter().map(|&(tier, end)| (tier, n_kept + end)));
        self.drop_empty_tiers();
    }

    /// Moves the mirror at `from` forward to `to`. It keeps the tier by which it was found.
    pub fn promote(&mut self, from: usize, to: usize) {
        let (own, other) = (self.step(from), self.step(to));
        match self.hosts.get_mut(to..=from) {
            Some(moved) => moved.rotate_right(1),
            None => return,
        }
        let (Some(own), Some(other)) = (own, other) else { return };
        let tiers = (self.tiers.get(own), self.tiers.get(other));
        let (Some(&(tier, _)), Some(&(divided, _))) = tiers else { return };
        if own == other {
            return;
        }
        // The tiers in between move back by one place.
        for (_, end) in self.tiers.iter_mut().take(own).skip(other) {
            *end += 1;
        }
        self.tiers.splice(other..other, [(divided, to), (tier, to + 1)]);
        self.drop_empty_tiers();
    }

    /// Removes these mirrors, which are in the order of the selection; returns whether there are any.
    pub(super) fn remove(&mut self, left_out: &[HostId]) -> bool {
        if left_out.is_empty() {
            return false;
        }
        let mut left_out = left_out.iter().peekable();
        let mut tiers = self.tiers.iter_mut().peekable();
        let (mut place, mut n_kept) = (0, 0);
        self.hosts.retain(|host| {
            let is_kept = left_out.next_if(|&next| next == host).is_none();
            place += 1;
            n_kept += usize::from(is_kept);
            if let Some((_, end)) = tiers.next_if(|(_, end)| *end == place) {
                *end = n_kept;
            }
            is_kept
        });
        self.drop_empty_tiers();
        true
    }

    /// Keeps the first `max` mirrors; returns whether there were more.
    pub(super) fn truncate(&mut self, max: usize) -> bool {
        if self.hosts.len() <= max {
            return false;
        }
        self.hosts.truncate(max);
        for (_, end) in &mut self.tiers {
            *end = max.min(*end);
        }
        self.drop_empty_tiers();
        true
    }

    fn drop_empty_tiers(&mut self) {
        let mut from = 0;
        self.tiers.retain(|&(_, end)| {
            let is_empty = end <= from;
            from = end;
            !is_empty
        });
    }
}
