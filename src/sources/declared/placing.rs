//! Says where mirrors are within their countries: at their coordinates, or else in their city, or else in their
//! state.
//!
//! Of a mirror that says none of them, or only names that are not known, the catalog knows the country alone.
//! That is no fault: each name that is not known is told, as it may be misspelt, and mirrors without any place as
//! well, because they are behind all others in an order of distance.

use std::fmt;

use catalog::{Builder, Origin, Record, Report};
use model::mirror_key::MirrorKey;
use model::point::Point;

use super::{Mirror, MirrorPlace};
use crate::geography::gazetteer::{FoundBy, Gazetteer, Unknown};

/// How many mirrors have their place from what.
#[derive(Default)]
struct Counts {
    coordinates: usize,
    city: usize,
    state: usize,
    country: usize,
    /// Without a place. Private mirrors are not counted: clients find them by their networks.
    nowhere: usize,
}

/// Adds the points of mirrors. `place` stands for all mirrors in messages.
pub(super) fn add_points(
    mirrors: &[&Mirror],
    place: &Origin,
    builder: &mut Builder,
    report: &mut Report,
) {
    // Nothing is indexed before it is looked up.
    let mut gazetteer = Gazetteer::built_in();
    let mut counts = Counts::default();
    let mut first_nowhere = None;
    for mirror in mirrors {
        let Some(at) = &mirror.place else {
            if !mirror.private {
                counts.nowhere += 1;
                first_nowhere = first_nowhere.or(Some(&mirror.key));
            }
            continue;
        };
        let (state, city) = (at.state.as_deref(), at.city.as_deref());
        let found = match read_coordinates(mirror, at, &mut gazetteer, report) {
            Some(point) => {
                counts.coordinates += 1;
                Some(point)
            }
            None => gazetteer.find(at.country, state, city).map(|found| {
                match found.by {
                    FoundBy::City => counts.city += 1,
                    FoundBy::State => counts.state += 1,
                }
                if let Some(unknown) = found.unknown {
                    let problem = match (unknown, found.by) {
                        (Unknown::City, FoundBy::State) => {
                            "city of a mirror that is not known in its state, so no more than its state is"
                        }
                        (Unknown::City, FoundBy::City) => {
                            "city of a mirror that is not known, so that which stands for its state is taken"
                        }
                        (Unknown::State, _) => {
                            "state of a mirror that is not known, so its city may be another one of that name"
                        }
                    };
                    report.mended(&mirror.origin, problem, Named(mirror, at));
                }
                found.point
            }),
        };
        match found {
            Some(point) => {
                let key = MirrorKey::Name(mirror.key.clone());
                builder.add(&mirror.origin, Record::MirrorPoint(key, point));
            }
            None => {
                counts.country += 1;
                if state.is_some() || city.is_some() {
                    let problem = "place of a mirror that is not known by name, so no more than its country is";
                    report.mended(&mirror.origin, problem, Named(mirror, at));
                }
            }
        }
    }
    if let Some(key) = first_nowhere.filter(|_| counts.n_placed() > 0) {
        let problem = "mirrors without a place, behind all others in the order of distance";
        report.mended(place, problem, format_args!("{counts}, such as {}", key.as_str()));
    }
}

/// The point at the coordinates of a mirror, if it has any. What lies far from its country is told, and taken
/// as it is written: the operator knows of more places than the gazetteer.
fn read_coordinates(
    mirror: &Mirror,
    at: &MirrorPlace,
    gazetteer: &mut Gazetteer,
    report: &mut Report,
) -> Option<Point> {
    let (north, east) = at.coordinates?;
    let value = format_args!("{} at {north}, {east} in {}", mirror.key.as_str(), at.country);
    if north == 0.0 && east == 0.0 {
        let problem = "coordinates 0, 0 of a mirror, which are in the sea, ignored";
        report.mended(&mirror.origin, problem, value);
        return None;
    }
    let point = Point::new(north, east)?;
    if gazetteer.is_near(at.country, point) == Some(false) {
        let swapped = Point::new(east, north);
        let problem = match swapped.and_then(|swapped| gazetteer.is_near(at.country, swapped)) {
            Some(true) => {
                "coordinates of a mirror that are far from its country: swapped? latitude comes first"
            }
            _ => "coordinates of a mirror that are far from all known places of its country",
        };
        report.mended(&mirror.origin, problem, value);
    }
    Some(point)
}

impl Counts {
    /// How many mirrors have a place.
    fn n_placed(&self) -> usize {
        let Self { coordinates, city, state, country, nowhere: _ } = self;
        coordinates + city + state + country
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { coordinates, city, state, country, nowhere } = self;
        write!(f, "{nowhere} of {}", nowhere + self.n_placed())?;
        let kinds = [
            (coordinates, "coordinates"),
            (city, "city"),
            (state, "state"),
            (country, "country alone"),
        ];
        let mut separator = " (others: ";
        for (n, by) in kinds.into_iter().filter(|&(&n, _)| n > 0) {
            write!(f, "{separator}{n} by {by}")?;
            separator = ", ";
        }
        f.write_str(if self.n_placed() > 0 { ")" } else { "" })
    }
}

/// A mirror and the names of its place, the smallest first.
struct Named<'m>(&'m Mirror, &'m MirrorPlace);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mirror, MirrorPlace { country, state, city, coordinates: _ }) = self;
        write!(f, "{} in ", mirror.key.as_str())?;
        for name in [city, state].into_iter().flatten() {
            write!(f, "{name}, ")?;
        }
        write!(f, "{country}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::build;
    use crate::geography::GeographyFiles;
    use crate::toml_catalog::parse;
    use catalog::Report;

    const HEAD: &str = "[distribution]\nname = \"Example\"\n[[repository]]\nname = \"a\"\n\
        arches = [\"x86_64\"]\npath = \"{arch}\"\n";

    /// The points of mirrors that have these places, in lines of their keys, and what is reported of them.
    fn place(places: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut text = HEAD.to_owned();
        for (n, place) in places.iter().enumerate() {
            text += &format!(
                "[[mirror]]\nkey = \"m{n}\"\nurls = [\"https://m{n}.example\"]\n{place}\n"
            );
        }
        let declaration =
            parse("c.toml", &text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        let mut report = Report::default();
        let builder = build(&declaration, None, "c.toml", 1, &mut report).expect("it is small");
        let geography = GeographyFiles::default().read(&mut report).expect("nothing is read");
        let catalog = builder.finish(geography, &mut report).expect("a catalog");
        let points = catalog.mirrors.iter().map(|mirror| format!("{:?}", mirror.point)).collect();
        let lines = report.lines();
        let of_places =
            lines.into_iter().filter(|line| line.contains("of a mirror") || line.contains("place"));
        (points, of_places.collect())
    }

    #[test]
    fn coordinates_come_before_the_city_and_that_before_the_state() {
        let (points, lines) = place(&[
            "country = \"DE\"\ncity = \"Munich\"\ncoordinates = [52.524, 13.4]",
            "country = \"DE\"\nstate = \"Sachsen\"\ncity = \"Dresden\"",
            "country = \"DE\"\nstate = \"Sachsen\"\ncity = \"Hintertupfing\"",
            "country = \"DE\"\nstate = \"Sachsen\"",
            "country = \"DE\"",
        ]);
        let saxony = &points[2];
        let expected = ["Some((52.52, 13.40))", "Some((51.10, 13.70))", saxony, saxony, "None"];
        assert_eq!(points, expected);
        assert!(saxony.starts_with("Some((51."), "{saxony}");
        let expected = "c.toml:19: city of a mirror that is not known in its state, so no more than its state \
                        is: m2 in Hintertupfing, Sachsen, DE";
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn names_that_are_not_known_are_told_with_an_example() {
        let (points, lines) = place(&[
            "country = \"DE\"\ncity = \"Hintertupfing\"",
            "country = \"DE\"\nstate = \"Bavarya\"\ncity = \"Hintertupfing\"",
            "country = \"FR\"",
        ]);
        assert_eq!(points, ["None"; 3]);
        let expected = "c.toml:7: place of a mirror that is not known by name, so no more than its country \
                        is: m0 in Hintertupfing, DE (and 1 more like it)";
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn each_name_that_is_not_known_is_told() {
        let (points, lines) = place(&[
            "country = \"GB\"\nstate = \"Ontario\"\ncity = \"London\"",
            "country = \"GB\"\nstate = \"London\"\ncity = \"Docklands\"",
            "country = \"US\"\nstate = \"ZZ\"\ncity = \"Portland\"",
            "country = \"US\"\nstate = \"Puerto Rico\"\ncity = \"San Juan\"",
        ]);
        assert_eq!(points[0], points[1]);
        assert_eq!((&*points[2], &*points[3]), ("None", "Some((18.50, -66.10))"));
        let expected = [
            "c.toml:7: state of a mirror that is not known, so its city may be another one of that name: m0 in \
             London, Ontario, GB",
            "c.toml:13: city of a mirror that is not known, so that which stands for its state is taken: m1 in \
             Docklands, London, GB",
            "c.toml:19: place of a mirror that is not known by name, so no more than its country is: m2 in \
             Portland, ZZ, US",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn coordinates_far_from_the_country_are_told_and_those_of_nowhere_ignored() {
        let (points, lines) = place(&[
            "country = \"DE\"\ncoordinates = [13.40, 52.52]",
            "country = \"DE\"\ncoordinates = [-33.87, 151.21]",
            "country = \"DE\"\ncity = \"Berlin\"\ncoordinates = [0, 0]",
            "country = \"US\"\ncoordinates = [18.47, -66.11]",
            "country = \"NO\"\ncoordinates = [78.22, 15.65]",
            "country = \"AQ\"\ncoordinates = [-77.85, 166.67]",
        ]);
        let expected = ["(13.40, 52.52)", "(-33.87, 151.21)", "(52.50, 13.40)", "(18.47, -66.11)"];
        assert_eq!(points[..4], expected.map(|point| format!("Some({point})")));
        let expected = [
            "c.toml:7: coordinates of a mirror that are far from its country: swapped? latitude comes first: \
             m0 at 13.4, 52.52 in DE",
            "c.toml:12: coordinates of a mirror that are far from all known places of its country: m1 at \
             -33.87, 151.21 in DE",
            "c.toml:17: coordinates 0, 0 of a mirror, which are in the sea, ignored: m2 at 0, 0 in DE",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn mirrors_without_a_place_are_counted_if_others_have_one() {
        let (_, lines) = place(&[
            "",
            "country = \"DE\"\ncoordinates = [50, 10]",
            "country = \"DE\"\ncity = \"Berlin\"",
            "country = \"DE\"\nstate = \"Berlin\"",
            "country = \"DE\"",
            "private = true\nasns = [64500]",
            "bandwidth = 7",
        ]);
        let expected = "c.toml: mirrors: mirrors without a place, behind all others in the order of \
                        distance: 2 of 6 (others: 1 by coordinates, 1 by city, 1 by state, 1 by country \
                        alone), such as m0";
        assert_eq!(lines, [expected]);
        assert_eq!(place(&["", ""]).1, [""; 0]);
    }
}
