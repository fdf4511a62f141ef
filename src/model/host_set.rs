//! Sets of mirrors as bits, in words of 64.

use super::ids::HostId;

/// An empty set with space for `n_hosts` mirrors.
pub fn empty_set(n_hosts: usize) -> Box<[u64]> {
    vec![0; words_for(n_hosts)].into_boxed_slice()
}

/// How many words a set of `n_hosts` mirrors takes.
pub fn words_for(n_hosts: usize) -> usize {
    n_hosts.div_ceil(64)
}

/// Adds a member to a set; ids beyond its last word are ignored.
pub fn insert(set: &mut [u64], host: HostId) {
    if let Some(word) = set.get_mut(host.index() / 64) {
        *word |= 1 << (host.index() % 64);
    }
}

/// Removes a member from a set.
pub fn remove(set: &mut [u64], host: HostId) {
    if let Some(word) = set.get_mut(host.index() / 64) {
        *word &= !(1 << (host.index() % 64));
    }
}

/// Whether a set holds a member.
pub fn contains(set: &[u64], host: HostId) -> bool {
    set.get(host.index() / 64).is_some_and(|word| word >> (host.index() % 64) & 1 == 1)
}

/// The members of a set, in order.
pub fn members(set: &[u64]) -> impl Iterator<Item = HostId> {
    (0_u32..).step_by(64).zip(set).flat_map(|(base, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                HostId(base + bit)
            })
        })
    })
}
