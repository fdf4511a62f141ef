//! Sets of routes.

/// A set of routes of a table, by their index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RouteSet([u64; 4]);

impl RouteSet {
    /// Adds a route.
    pub(crate) fn insert(&mut self, route: usize) {
        if let Some(word) = self.0.get_mut(route / 64) {
            *word |= 1 << (route % 64);
        }
    }

    /// The routes of both sets.
    pub(crate) fn and(self, other: Self) -> Self {
        let Self([a, b, c, d]) = self;
        let Self([e, f, g, h]) = other;
        Self([a & e, b & f, c & g, d & h])
    }

    /// The routes of either set.
    pub(crate) fn or(self, other: Self) -> Self {
        let Self([a, b, c, d]) = self;
        let Self([e, f, g, h]) = other;
        Self([a | e, b | f, c | g, d | h])
    }

    /// Whether there is no route.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// The routes, in ascending order.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let members = |(index, word): (usize, u64)| {
            let bits = std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1)));
            bits.take_while(|&word| word != 0)
                .map(move |word| 64 * index + word.trailing_zeros() as usize)
        };
        self.0.into_iter().enumerate().flat_map(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_keep_their_members() {
        let (mut a, mut b) = (RouteSet::default(), RouteSet::default());
        [0, 63, 64, 255, 256].into_iter().for_each(|route| a.insert(route));
        [63, 128, 255].into_iter().for_each(|route| b.insert(route));
        assert_eq!(a.iter().collect::<Vec<_>>(), [0, 63, 64, 255]);
        assert_eq!(a.and(b).iter().collect::<Vec<_>>(), [63, 255]);
        assert_eq!(a.or(b).iter().collect::<Vec<_>>(), [0, 63, 64, 128, 255]);
        assert!(RouteSet::default().is_empty() && !b.is_empty());
    }
}
