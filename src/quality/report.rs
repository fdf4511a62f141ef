//! The result of a measurement, as programs read it.

use serde::Serialize;

use super::condition::Condition;
use super::figures::Figures;
use super::worst::CountryReport;

/// The name of the limit among policies.
pub const LIMIT: &str = "limit";

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The generation of the data.
    pub generation: String,
    /// What was asked.
    pub question: Question,
    /// For whom.
    pub clients: Clients,
    /// Whether distances are those of points where they are known.
    pub exact: bool,
    /// The policy that the options configure.
    pub configured: &'static str,
    /// The policies; the last one is the limit.
    pub policies: Vec<PolicyReport>,
    /// The countries whose first mirrors are farthest by the configured policy.
    pub worst_served: Vec<CountryReport>,
    /// The countries that raise the mean of all clients most, where a mirror would help most.
    pub most_needed: Vec<CountryReport>,
}

/// What was asked.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// The repository.
    pub repo: String,
    /// The architecture.
    pub arch: String,
    /// `mirrorlist` or `metalink`.
    pub format: &'static str,
    /// How many mirrors carry it and are listed for everybody.
    pub mirrors: usize,
    /// How many of them are in no known place: they are near to no client.
    pub mirrors_of_unknown_place: usize,
}

/// The clients.
#[derive(Clone, Debug, Serialize)]
pub struct Clients {
    /// How many were asked for.
    pub number: usize,
    /// In how many countries they are.
    pub countries: usize,
    /// The part of them, by weight, that has IPv6.
    pub ipv6: f64,
    /// The part, by weight, whose country is not known; it has no distances.
    pub unplaced: f64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The lines of the access log that name a client; `None` for clients from networks.
    pub log_lines: Option<u64>,
    /// The lines of the access log that do not.
    pub log_lines_without_client: Option<u64>,
}

/// A policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyReport {
    /// Its name.
    pub name: &'static str,
    /// Its figures.
    pub figures: Figures,
    /// The mirrors with most first places for their bandwidth, at most five.
    pub most_first_places: Vec<MirrorReport>,
    /// Mirrors that should have first places and have none, at most twenty, by key.
    pub starving: Vec<String>,
}

/// The first places of a mirror.
#[derive(Clone, Debug, Serialize)]
pub struct MirrorReport {
    /// Its key.
    pub mirror: String,
    /// The part of all first places that it should have.
    pub fair_share: f64,
    /// The part that it has.
    pub share: f64,
    /// The second for each of the first.
    pub ratio: f64,
}

impl Report {
    /// What to say about the conditions that hold, or that cannot be told.
    pub fn check(&self, conditions: &[Condition]) -> Vec<String> {
        let check = |condition: &Condition| {
            let name = condition.policy().filter(|&name| name != "configured");
            let name = name.unwrap_or(self.configured);
            match self.policies.iter().find(|policy| policy.name == name) {
                Some(policy) => condition.check(name, &policy.figures),
                None => Some(format!("`{condition}` cannot be told: {name} was not measured")),
            }
        };
        conditions.iter().filter_map(check).collect()
    }
}
