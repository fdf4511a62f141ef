//! Containers of texts, lists, sets of mirrors and prefixes, each in a few allocations, and stored in
//! the file in the same layout.

use serde::{Deserialize, Serialize};

use model::host_set::words_for;
use model::net::Prefix;

/// Texts in one buffer.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// Appends a text and returns its index; `None` past 4 GiB.
    pub fn push(&mut self, text: &str) -> Option<u32> {
        let index = u32::try_from(self.ends.len()).ok()?;
        let end = u32::try_from(self.text.len() + text.len()).ok()?;
        self.text.push_str(text);
        self.ends.push(end);
        Some(index)
    }

    /// The text at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(u32::MAX),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    pub(super) fn is_sound(&self) -> bool {
        self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) as usize == self.text.len()
            && self.ends.iter().all(|&end| self.text.is_char_boundary(end as usize))
    }
}

/// Distinct texts in ascending order, found by binary search.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct Names(Texts);

impl Names {
    /// Takes names that ascend strictly; `None` if they do not, or hold more than 4 GiB.
    pub fn from_sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut texts = Texts::default();
        for name in names {
            texts.push(name)?;
        }
        let names = Self(texts);
        names.ascends().then_some(names)
    }

    /// The rank of `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.0.get(middle).cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The name of that rank; empty where there is none.
    pub fn get(&self, rank: usize) -> &str {
        self.0.get(rank)
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.0.is_sound() && self.ascends()
    }

    fn ascends(&self) -> bool {
        self.iter().zip(self.iter().skip(1)).all(|(a, b)| a < b)
    }
}

/// Lists in one buffer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Lists<T> {
    items: Vec<T>,
    ends: Vec<u32>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// Appends a list and returns its index; `None` past 2^32 items.
    pub fn push(&mut self, items: impl IntoIterator<Item = T>) -> Option<u32> {
        let index = u32::try_from(self.ends.len()).ok()?;
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).ok()?);
        Some(index)
    }

    /// The list at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &[T] {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(u32::MAX),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.items.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The number of lists.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn is_sound(&self, item_is_sound: impl Fn(&T) -> bool) -> bool {
        self.ends.is_sorted()
            && self.ends.last().copied().unwrap_or(0) as usize == self.items.len()
            && self.items.iter().all(item_is_sound)
    }
}

/// Sets of mirrors as bits, all of one width.
#[derive(Clone, Serialize, Deserialize, Default)]
pub struct HostSets {
    words_per_set: u32,
    words: Vec<u64>,
}

impl HostSets {
    /// An empty collection of sets for `n_hosts` mirrors.
    pub fn new(n_hosts: usize) -> Self {
        Self {
            words_per_set: u32::try_from(words_for(n_hosts)).unwrap_or(u32::MAX),
            words: Vec::new(),
        }
    }

    /// Appends a set, truncated or padded to the common width, and returns its index.
    pub fn push(&mut self, set: &[u64]) -> Option<u32> {
        let index = u32::try_from(self.len()).ok()?;
        let width = self.words_per_set as usize;
        self.words.extend(set.iter().copied().chain(std::iter::repeat(0)).take(width));
        Some(index)
    }

    /// The set at `index`; empty where there is none.
    pub fn get(&self, index: usize) -> &[u64] {
        let width = self.words_per_set as usize;
        self.words.get(index * width..(index + 1) * width).unwrap_or(&[])
    }

    /// The number of sets.
    pub fn len(&self) -> usize {
        self.words.len().checked_div(self.words_per_set as usize).unwrap_or(0)
    }

    /// Whether there is no set.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn is_sound(&self, n_hosts: usize) -> bool {
        let width = self.words_per_set as usize;
        let last_bits = match n_hosts % 64 {
            0 => u64::MAX,
            bits => (1 << bits) - 1,
        };
        width == words_for(n_hosts)
            && (width == 0 || self.words.len().is_multiple_of(width))
            && (width == 0
                || self
                    .words
                    .chunks_exact(width)
                    .all(|set| set.last().is_none_or(|&last| last & !last_bits == 0)))
    }
}

/// Prefixes of both families with a value each, smaller in a file than [`Prefix`]es.
#[derive(Clone, Hash, Serialize, Deserialize)]
pub struct Prefixes<T> {
    v4: Vec<(u32, u8, T)>,
    v6: Vec<(u128, u8, T)>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { v4: Vec::new(), v6: Vec::new() }
    }
}

impl<T: Copy> Prefixes<T> {
    /// Appends a prefix.
    pub fn push(&mut self, prefix: Prefix, value: T) {
        match prefix.address() {
            std::net::IpAddr::V4(v4) => self.v4.push((v4.to_bits(), prefix.len(), value)),
            std::net::IpAddr::V6(v6) => self.v6.push((v6.to_bits(), prefix.len(), value)),
        }
    }

    /// The prefixes of IPv4, then those of IPv6.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, T)> {
        let v4 = self.v4.iter().filter_map(|&(address, length, value)| {
            Some((Prefix::new(std::net::Ipv4Addr::from_bits(address).into(), length)?, value))
        });
        let v6 = self.v6.iter().filter_map(|&(address, length, value)| {
            Some((Prefix::new(std::net::Ipv6Addr::from_bits(address).into(), length)?, value))
        });
        v4.chain(v6)
    }

    /// The number of prefixes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no prefix.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_sound(&self, value_is_sound: impl Fn(T) -> bool) -> bool {
        self.v4.iter().all(|&(_, length, value)| length <= 32 && value_is_sound(value))
            && self.v6.iter().all(|&(_, length, value)| length <= 128 && value_is_sound(value))
    }
}
