//! `country_continent.csv`: lines `"code","continent"`, quotes optional.
//!
//! Rows before the first one with a two-character code are headers. In MaxMind's files `--` means that
//! a code (a proxy, a satellite) has no continent.
//!
//! The built-in table, `data/continents.csv`, has every code of ISO 3166-1 and `XK`, which stands for
//! Kosovo. Continents are those of the UN's regions (M.49), with the two Americas apart; as in
//! MirrorManager's table, Turkey is in Europe, the islands of the Southern Ocean are in Antarctica, and
//! those of the Indian Ocean that M.49 counts elsewhere (`CC`, `CX`, `IO`) in Asia. Codes that ISO has
//! withdrawn are still in tables of networks, so their continents are built in as well (`WITHDRAWN`).
//! What a file says goes before what is built in.

use std::sync::LazyLock;

use catalog::{Origin, Report};
use model::geo::{Continent, Country};

/// Codes of countries that are no more, and their continents.
const WITHDRAWN: [(&str, &str); 7] = [
    ("AN", "NA"),
    ("CS", "EU"),
    ("FX", "EU"),
    ("SU", "EU"),
    ("TP", "AS"),
    ("YU", "EU"),
    ("ZR", "AF"),
];

/// The continents that are built in, of every code that occurs.
pub fn built_in() -> Vec<(Country, Continent)> {
    let withdrawn = WITHDRAWN.into_iter();
    let withdrawn = withdrawn
        .filter_map(|(code, continent)| Country::parse(code).zip(Continent::parse(continent)));
    countries().into_iter().chain(withdrawn).collect()
}

/// The countries of today, in order.
fn countries() -> Vec<(Country, Continent)> {
    const TEXT: &str = include_str!("../../../data/continents.csv");
    // A test shows that there is nothing to report.
    parse("continents.csv", TEXT, &mut Report::default())
}

/// Whether a code is that of a country: one of the built-in table.
pub fn is_country(code: Country) -> bool {
    static TABLE: LazyLock<Vec<(Country, Continent)>> = LazyLock::new(countries);
    // A test shows that it is in order.
    TABLE.binary_search_by_key(&code, |(country, _)| *country).is_ok()
}

/// Reads every row; bad ones are reported and skipped. The rows keep their order; of equal countries the
/// last will count, as in the reference.
pub fn parse(file: &str, text: &str, report: &mut Report) -> Vec<(Country, Continent)> {
    let mut records = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let origin = || Origin::line(file, line);
        let Some((code, rest)) = text.split_once(',') else {
            if !text.trim().is_empty() {
                report.skipped(&origin(), "line without a comma, skipped", text);
            }
            continue;
        };
        let continent = rest.split_once(',').map_or(rest, |(continent, _)| continent);
        match (Country::parse(unquote(code)), unquote(continent)) {
            (None, _) if records.is_empty() => {}
            (None, _) => report.skipped(&origin(), "not a country code, skipped", text),
            (Some(_), "--") => {}
            (Some(country), continent) => match Continent::parse(continent) {
                Some(continent) => records.push((country, continent)),
                None => report.skipped(&origin(), "not a continent code, skipped", text),
            },
        }
    }
    records
}

fn unquote(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_complete_and_in_order() {
        let table = countries();
        assert_eq!(table.len(), 250, "249 of ISO 3166-1, and XK");
        assert_eq!(built_in().len(), table.len() + WITHDRAWN.len());
        assert!(table.is_sorted_by(|one, next| one.0 < next.0));
        let find = |code: &str| {
            let country = Country::parse(code);
            let found = table.iter().find(|(known, _)| Some(*known) == country);
            found.map(|(_, continent)| continent.to_string()).unwrap_or_default()
        };
        for (code, continent) in [
            ("XK", "EU"),
            ("SS", "AF"),
            ("CW", "NA"),
            ("BQ", "NA"),
            ("SX", "NA"),
            ("DE", "EU"),
            ("BR", "SA"),
            ("AU", "OC"),
            ("AQ", "AN"),
            ("NA", "AF"),
            ("TR", "EU"),
        ] {
            assert_eq!(find(code), continent, "{code}");
        }
        for (code, expected) in
            [("DE", true), ("XK", true), ("XX", false), ("EU", false), ("A1", false), ("AN", false)]
        {
            assert_eq!(Country::parse(code).map(is_country), Some(expected), "{code}");
        }
        let mut report = Report::default();
        let text = include_str!("../../../data/continents.csv");
        assert_eq!(parse("continents.csv", text, &mut report).len(), text.lines().count() - 1);
        assert!(report.is_empty(), "{:?}", report.lines());
    }

    #[test]
    fn quotes_are_optional_and_bad_rows_are_reported() {
        let text = "\"iso 3166 country\",\"continent code\"\n\
            \"DE\",\"EU\"\n\
            fr,eu\r\n\
            A1,--\n\
            GB EU\n\
            \n\
            USA,NA\n\
            US,North America\n\
            US,NA,extra";
        let mut report = Report::default();
        let records = parse("c.csv", text, &mut report);
        let shown: Vec<_> = records.iter().map(|(a, b)| format!("{a}{b}")).collect();
        assert_eq!(shown, ["DEEU", "FREU", "USNA"]);
        assert_eq!(
            report.lines(),
            [
                "c.csv:5: line without a comma, skipped: GB EU",
                "c.csv:7: not a country code, skipped: USA,NA",
                "c.csv:8: not a continent code, skipped: US,North America",
            ]
        );
    }
}
