//! The file of `mirrorlistd geography build`: networks with their countries, their autonomous systems, or
//! both, merged and checked.
//!
//! It has a header with length and checksum ([`runtime::sealed`]), then the records in bincode, little
//! endian, with integers of variable width: about 8 bytes for an IPv4 network, and 13 for one of IPv6. No
//! byte is decoded before the checksum is verified. Lists grow with their items, so a forged file that
//! claims a huge length makes the decoder reserve no memory for it. What was decoded is checked: networks
//! are in order, each once, those with countries are disjoint, and every reference leads somewhere.
//!
//! # The next version
//!
//! A program reads one version only; the file is made again from its sources. A change of the records below
//! raises [`VERSION`] and adds an entry to this list:
//!
//! - 1: the first.
//! - 2: places have points.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use catalog::geography::{AsNetworks, CountryNetworks, NetworkPlace, Owner};
use model::geo::{Continent, Country};
use model::net::Prefix;
use model::point::Point;
use runtime::replace::{self, NotSynced};
use runtime::sealed::{self, EncodeError, Kind, Reason};

/// Format version of the file. A program refuses files of other versions.
pub const VERSION: u32 = 2;
/// The most bytes of a payload, ten times what tables of the whole Internet take.
const MAX_PAYLOAD: usize = 256 << 20;
/// What the decoder is allowed. It charges up to eight bytes for an integer of which the file may hold one,
/// so with this limit it reads every payload that is written.
const DECODER_LIMIT: usize = 8 * MAX_PAYLOAD;
/// The reason why a file of another kind is not replaced.
const FOREIGN: &str = "exists, and `mirrorlistd geography build` has not written it: remove it, or name \
                       another file";
const KIND: Kind = Kind {
    magic: b"geonets\n",
    version: VERSION,
    limit: MAX_PAYLOAD as u64,
    name: "geography",
    remedy: "build it again",
};

/// The content of a file.
#[derive(Default)]
pub struct Tables {
    /// Networks and their countries.
    pub countries: Option<CountryNetworks>,
    /// Networks and their autonomous systems, in order, each once.
    pub systems: Option<AsNetworks>,
}

/// The error of reading or writing a file. The message names the file.
pub type Error = sealed::Error<Fault>;
/// The reason why bytes are no valid file: the header, the encoding, or records that contradict each other.
pub type Broken = sealed::Invalid<Fault>;

/// The records of a file contradict each other, so this program has not written it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("is no work of this program: {0}")]
pub struct Fault(&'static str);

/// Whether bytes are meant to be such a file.
pub fn is_tables(bytes: &[u8]) -> bool {
    bytes.starts_with(KIND.magic)
}

/// Whether a file is meant to be such a file; it may be damaged.
pub fn is_table_file(path: &Path) -> bool {
    KIND.is_kind_of(path)
}

impl Tables {
    /// Verifies and decodes the bytes of a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let (payload, _) = KIND.open(bytes)?;
        Self::decode_payload(payload)
    }

    fn decode_payload(payload: &[u8]) -> Result<Self, Broken> {
        let decoded = bincode::serde::decode_from_slice(payload, codec());
        let decoded = decoded.map_err(|error| Broken::Decode(error.to_string()))?;
        let Encoded { countries, systems } = Broken::whole(decoded, payload)?;
        let countries = countries.map(EncodedCountries::decode).transpose();
        let systems = systems.map(EncodedSystems::decode).transpose();
        let meaning = |fault| Broken::Meaning(Fault(fault));
        Ok(Self { countries: countries.map_err(meaning)?, systems: systems.map_err(meaning)? })
    }

    /// How many networks have a point, and at how many different places they are: points of one country.
    pub fn n_located(&self) -> (usize, usize) {
        let Some(table) = &self.countries else { return (0, 0) };
        let has_point = |index: &u32| {
            let place = table.places.get(*index as usize);
            place.is_some_and(|place| place.point.is_some())
        };
        let n_networks = table.networks.iter().filter(|(_, index)| has_point(index)).count();
        let places = table.places.iter().filter(|place| place.point.is_some());
        let places: BTreeSet<_> = places.map(|place| (place.country, place.point)).collect();
        (n_networks, places.len())
    }

    /// How many countries, and how many systems, the tables name.
    pub fn n_named(&self) -> (usize, usize) {
        let places = self.countries.iter().flat_map(|table| &table.places);
        let countries: BTreeSet<_> = places.filter_map(|place| place.country).collect();
        let mut numbers = BTreeSet::new();
        if let Some(table) = &self.systems {
            for (_, owner) in &table.networks {
                let _: Option<()> = table.find_map(*owner, |number| {
                    numbers.insert(number);
                    None
                });
            }
        }
        (countries.len(), numbers.len())
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let encoded = Encoded {
            countries: self.countries.as_ref().map(EncodedCountries::of),
            systems: self.systems.as_ref().map(EncodedSystems::of),
        };
        let encoded = bincode::serde::encode_to_vec(encoded, codec());
        KIND.seal(&encoded.map_err(|error| EncodeError::Encoder(error.to_string()))?)
    }

    /// Reads a file; `None` if there is none, or an empty one, or one of another kind.
    pub fn read(path: &Path) -> Option<Result<Self, Error>> {
        let read = || {
            let (payload, _) = KIND.read(path)?;
            Self::decode_payload(&payload).map_err(|error| Reason::Invalid(error).at(path))
        };
        KIND.is_kind_of(path).then(read)
    }

    /// Fails if a file of another kind is at `path`.
    pub fn check_target(path: &Path) -> Result<(), Error> {
        let is_empty = fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
        match path.exists() && !is_empty && !KIND.is_kind_of(path) {
            true => Err(Reason::Write(io::Error::other(FOREIGN)).at(path)),
            false => Ok(()),
        }
    }

    /// Atomically replaces the file at `path`, and returns how many bytes it has. A file of another kind is
    /// not replaced: it may be one of the sources.
    pub fn write(&self, path: &Path) -> Result<(usize, Option<NotSynced>), Error> {
        Self::check_target(path)?;
        let bytes = self.encode().map_err(|error| Reason::Encode(error).at(path))?;
        let not_synced = replace::write(path, &bytes);
        Ok((bytes.len(), not_synced.map_err(|error| Reason::Write(error).at(path))?))
    }
}

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<DECODER_LIMIT>()
}

#[derive(Serialize, Deserialize)]
struct Encoded {
    countries: Option<EncodedCountries>,
    systems: Option<EncodedSystems>,
}

#[derive(Serialize, Deserialize)]
struct EncodedCountries {
    places: Vec<EncodedPlace>,
    /// The value is an index of `places`.
    networks: EncodedNetworks,
}

#[derive(Serialize, Deserialize)]
struct EncodedPlace {
    country: Option<Country>,
    registered: Option<Country>,
    represented: Option<Country>,
    continent: Option<Continent>,
    point: Option<Point>,
}

#[derive(Serialize, Deserialize)]
struct EncodedSystems {
    /// The numbers of each owner; none for networks that belong to nobody.
    owners: Vec<Vec<u32>>,
    /// The value is an index of `owners`.
    networks: EncodedNetworks,
}

/// Networks in order: address, length, value. The address of an IPv6 network is in two halves, of which the
/// lower one is zero as a rule, and takes one byte then.
#[derive(Default, Serialize, Deserialize)]
struct EncodedNetworks {
    ipv4: Vec<(u32, u8, u32)>,
    ipv6: Vec<(u64, u64, u8, u32)>,
}

impl EncodedCountries {
    fn of(table: &CountryNetworks) -> Self {
        let places = table.places.iter().map(|place| {
            let NetworkPlace { country, registered, represented, continent, point } = *place;
            EncodedPlace { country, registered, represented, continent, point }
        });
        let mut networks = EncodedNetworks::default();
        table.networks.iter().for_each(|&(prefix, place)| networks.push(prefix, place));
        Self { places: places.collect(), networks }
    }

    fn decode(self) -> Result<CountryNetworks, &'static str> {
        let places = self.places.into_iter().map(EncodedPlace::decode);
        let places = places.collect::<Option<Vec<_>>>().ok_or("a place is none")?;
        let networks = self.networks.decode(places.len())?;
        if networks.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a.covers(*b))) {
            return Err("networks with countries overlap");
        }
        Ok(CountryNetworks { networks, places })
    }
}

impl EncodedPlace {
    fn decode(self) -> Option<NetworkPlace> {
        let Self { country, registered, represented, continent, point } = self;
        let mut countries = [country, registered, represented].into_iter().flatten();
        let is_valid = countries.all(Country::is_valid)
            && continent.is_none_or(Continent::is_valid)
            && point.is_none_or(Point::is_valid);
        let place = NetworkPlace { country, registered, represented, continent, point };
        let is_somewhere = NetworkPlace { point: None, ..place } != NetworkPlace::default();
        (is_valid && is_somewhere).then_some(place)
    }
}

impl EncodedSystems {
    fn of(table: &AsNetworks) -> Self {
        let mut encoded = Self { owners: Vec::new(), networks: EncodedNetworks::default() };
        let mut known: FxHashMap<Vec<u32>, u32> = FxHashMap::default();
        let mut numbers = Vec::new();
        for &(prefix, owner) in &table.networks {
            numbers.clear();
            let _: Option<()> = table.find_map(owner, |number| {
                numbers.push(number);
                None
            });
            let index = match known.get(&numbers) {
                Some(&index) => index,
                None => {
                    // There are fewer owners than networks, and fewer of those than 2^32.
                    let index = u32::try_from(encoded.owners.len()).unwrap_or(u32::MAX);
                    encoded.owners.push(numbers.clone());
                    known.insert(numbers.clone(), index);
                    index
                }
            };
            encoded.networks.push(prefix, index);
        }
        encoded
    }

    fn decode(self) -> Result<AsNetworks, &'static str> {
        let mut table = AsNetworks::default();
        let owners =
            self.owners.iter().map(|numbers| table.owner(numbers).unwrap_or(Owner::Nobody));
        let owners: Vec<_> = owners.collect();
        let networks = self.networks.decode(owners.len())?;
        let networks = networks
            .into_iter()
            .filter_map(|(prefix, index)| Some((prefix, *owners.get(index as usize)?)));
        table.networks = networks.collect();
        Ok(table)
    }
}

impl EncodedNetworks {
    fn push(&mut self, prefix: Prefix, value: u32) {
        match prefix.address() {
            IpAddr::V4(address) => {
                self.ipv4.push((address.to_bits(), prefix.len(), value));
            }
            IpAddr::V6(address) => {
                let [high, low] = halves(address.to_bits());
                self.ipv6.push((high, low, prefix.len(), value));
            }
        }
    }

    fn decode(self, n_values: usize) -> Result<Vec<(Prefix, u32)>, &'static str> {
        let ipv4 = self
            .ipv4
            .into_iter()
            .map(|(address, length, value)| (Ipv4Addr::from_bits(address).into(), length, value));
        let ipv6 = self.ipv6.into_iter().map(|(high, low, length, value)| {
            let address = u128::from(high) << 64 | u128::from(low);
            (Ipv6Addr::from_bits(address).into(), length, value)
        });
        let mut networks: Vec<(Prefix, u32)> = Vec::with_capacity(ipv4.len() + ipv6.len());
        for (address, length, value) in ipv4.chain(ipv6) {
            let prefix = Prefix::new(address, length).filter(|prefix| prefix.address() == address);
            let prefix = prefix.ok_or("a network is none")?;
            if networks.last().is_some_and(|(last, _)| *last >= prefix) {
                return Err("networks are not in order");
            }
            if value as usize >= n_values {
                return Err("a network refers to nothing");
            }
            networks.push((prefix, value));
        }
        Ok(networks)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower 64 bits are meant")]
fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geography::table;
    use catalog::Report;

    fn tables() -> Tables {
        let mut report = Report::default();
        let countries =
            b"network,country_code,continent_code,lat,lon\n1.0.0.0/24,AU,OC,-27.4,153\n\
            2.0.0.0/8,,EU,,\n2001:db8::/32,DE,,52.5,13.4\n2001:db8:0:0:8000::/65,FR,\n";
        let systems = b"1.0.0.0/24 13335\n1.0.0.128/25 None\n2.0.0.0/8 {1,2}\n2001:db8::/32 1\n";
        Tables {
            countries: table::countries("c", countries, &mut report).ok(),
            systems: table::systems("s", systems, &mut report).ok(),
        }
    }

    fn shown(tables: &Tables) -> String {
        let countries = tables.countries.as_ref().map(|table| (&table.networks, &table.places));
        let systems = tables.systems.as_ref().map(|table| {
            let numbers = |owner| {
                let mut all = Vec::new();
                let _: Option<()> = table.find_map(owner, |number| {
                    all.push(number);
                    None
                });
                all
            };
            table.networks.iter().map(|&(p, owner)| (p, numbers(owner))).collect::<Vec<_>>()
        });
        format!("{countries:?} {systems:?}")
    }

    #[test]
    fn a_file_holds_what_was_written() {
        let tables = tables();
        let bytes = tables.encode().expect("small");
        let read = Tables::decode(&bytes).expect("an intact file");
        assert_eq!(shown(&read), shown(&tables));
        assert_eq!(read.encode().expect("small"), bytes);
        assert!(shown(&read).contains("2001:db8:0:0:8000::"), "{}", shown(&read));
        let empty = Tables::default().encode().expect("small");
        assert_eq!(shown(&Tables::decode(&empty).expect("an intact file")), "None None");
    }

    #[test]
    fn any_damage_is_noticed() {
        let bytes = tables().encode().expect("small");
        for length in 0..bytes.len() {
            assert!(Tables::decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(Tables::decode(&damaged).is_err(), "bit {at}");
        }
    }

    #[test]
    fn forged_records_are_refused() {
        let de = || EncodedPlace {
            country: Country::parse("DE"),
            registered: None,
            represented: None,
            continent: None,
            point: None,
        };
        let check = |places, ipv4, ipv6, expected: &str| {
            let networks = EncodedNetworks { ipv4, ipv6 };
            let forged =
                Encoded { countries: Some(EncodedCountries { places, networks }), systems: None };
            let payload = bincode::serde::encode_to_vec(forged, codec()).expect("small");
            let error = Tables::decode(&KIND.seal(&payload).expect("small")).err();
            let error = error.map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error, format!("is no work of this program: {expected}"));
        };
        let none = EncodedPlace { country: None, ..de() };
        check(vec![none], vec![], vec![], "a place is none");
        let nowhere = EncodedPlace { country: None, point: Point::new(52.5, 13.5), ..de() };
        check(vec![nowhere], vec![], vec![], "a place is none");
        let beyond = bincode::serde::encode_to_vec((9_001_i16, 0_i16), codec()).expect("small");
        let beyond = bincode::serde::decode_from_slice(&beyond, codec()).expect("a point").0;
        let beyond = EncodedPlace { point: Some(beyond), ..de() };
        check(vec![beyond], vec![], vec![], "a place is none");
        check(vec![de()], vec![(1, 33, 0)], vec![], "a network is none");
        check(vec![de()], vec![(1, 24, 0)], vec![], "a network is none");
        // IPv4-mapped: that would be a network of IPv4.
        check(vec![de()], vec![], vec![(0, 0xffff << 32, 96, 0)], "a network is none");
        check(vec![de()], vec![(256, 24, 1)], vec![], "a network refers to nothing");
        check(vec![de()], vec![(256, 24, 0), (256, 24, 0)], vec![], "networks are not in order");
        check(vec![de()], vec![(512, 24, 0), (256, 24, 0)], vec![], "networks are not in order");
        check(
            vec![de()],
            vec![(256, 24, 0), (256, 25, 0)],
            vec![],
            "networks with countries overlap",
        );
    }
}
