//! A report as people read it, in at most 100 columns.

use std::fmt::Write;

use super::figures::{Figure, Unit};
use super::report::{MirrorReport, PolicyReport, Report};
use super::worst::{CountryReport, Nearest};

/// The width of names of figures.
const NAME: usize = 23;
/// The width of a column of figures.
const COLUMN: usize = 14;

/// Writes a report.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = push_head(report, &mut text)
        .and_then(|()| push_figures(report, &mut text))
        .and_then(|()| push_first_places(report, &mut text))
        .and_then(|()| push_countries(report, &mut text));
    text
}

fn push_head(report: &Report, text: &mut String) -> std::fmt::Result {
    let Report { question, clients, .. } = report;
    writeln!(
        text,
        "{} for {}, as {}: {} public mirrors, generation {}",
        question.repo, question.arch, question.format, question.mirrors, report.generation
    )?;
    if question.mirrors_of_unknown_place > 0 {
        let n = question.mirrors_of_unknown_place;
        writeln!(text, "{n} of them are in no known place, and so near to no client")?;
    }
    let percent = |share: f64| (share * 100.0).round();
    write!(
        text,
        "{} clients in {} countries, {} % with IPv6",
        clients.number,
        clients.countries,
        percent(clients.ipv6)
    )?;
    match (clients.log_lines, clients.log_lines_without_client) {
        (Some(lines), Some(others)) => {
            write!(text, ", from {lines} lines of a log ({others} others name none)")?;
        }
        _ => write!(text, ", drawn from the networks by their size")?,
    }
    writeln!(text, "; seed {}", clients.seed)?;
    if clients.unplaced > 0.0 {
        writeln!(
            text,
            "{:.1} % are in no known country, and have no distance",
            clients.unplaced * 100.0
        )?;
    }
    let measured = match report.exact {
        true => "distances between points, or centres of countries where a point is not known",
        false => "distances between the centres of countries, 0 km within a country",
    };
    writeln!(text, "{measured}")?;
    writeln!(text, "configured: {}", report.configured)
}

fn push_figures(report: &Report, text: &mut String) -> std::fmt::Result {
    write!(text, "\n{:NAME$}", "")?;
    for policy in &report.policies {
        write!(text, "{:>COLUMN$}", policy.name)?;
    }
    writeln!(text)?;
    for &figure in Figure::ALL {
        if report.policies.iter().all(|policy| policy.figures.get(figure).is_none()) {
            continue;
        }
        write!(text, "{:NAME$}", figure.name())?;
        for policy in &report.policies {
            let shown = policy.figures.get(figure).map_or("-".into(), |value| show(figure, value));
            write!(text, "{shown:>COLUMN$}")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn show(figure: Figure, value: f64) -> String {
    match figure.unit() {
        Unit::Km | Unit::Count => format!("{value:.0}"),
        Unit::Share => format!("{value:.3}"),
        Unit::Mean if value >= 1_000.0 => format!("{value:.0}"),
        Unit::Mean => format!("{value:.1}"),
        Unit::Ratio => format!("{value:.2}"),
    }
}

fn push_first_places(report: &Report, text: &mut String) -> std::fmt::Result {
    let Some(policy) = report.policies.iter().find(|policy| policy.name == report.configured)
    else {
        return Ok(());
    };
    let PolicyReport { most_first_places, starving, .. } = policy;
    if !most_first_places.is_empty() {
        writeln!(text, "\nmost first places for their bandwidth ({}):", policy.name)?;
        for mirror in most_first_places {
            let (fair, share) = (mirror.fair_share * 100.0, mirror.share * 100.0);
            let MirrorReport { mirror, ratio, .. } = mirror;
            writeln!(
                text,
                "  {mirror}: {share:.2} % of all, a fair share is {fair:.2} % ({ratio:.2})"
            )?;
        }
    }
    for mirror in starving {
        writeln!(text, "no first place, and should have some: {mirror}")?;
    }
    Ok(())
}

fn push_countries(report: &Report, text: &mut String) -> std::fmt::Result {
    let Report { configured, worst_served, most_needed, .. } = report;
    if worst_served.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nworst served, by the distance of the first mirror ({configured}):")?;
    worst_served
        .iter()
        .try_for_each(|country| push_country(country, country.first_mean_km, text))?;
    writeln!(
        text,
        "\nmost needed, by what the country adds to the mean of all clients ({configured}):"
    )?;
    most_needed.iter().try_for_each(|country| push_country(country, country.adds_km, text))
}

fn push_country(country: &CountryReport, km: f64, text: &mut String) -> std::fmt::Result {
    let CountryReport { country, clients, reason, nearest, .. } = country;
    write!(text, "  {country} {:8.4} % {km:7.1} km  {reason}", clients * 100.0)?;
    match nearest {
        Some(Nearest { country, km }) => writeln!(text, "; nearest: {country}, {km:.0} km"),
        None => writeln!(text, "; none can be used"),
    }
}
