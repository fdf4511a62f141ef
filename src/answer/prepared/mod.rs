//! The constant parts of answers, prepared once for each snapshot.

mod metalink;
pub mod listings;
pub mod repositories;
pub mod joint;
pub mod for_routes;

use snapshot::Snapshot;

use super::shaping::Fallback;
use for_routes::ForRoutes;
use listings::Listings;
use repositories::RepositoryList;

/// A snapshot with the parts prepared from it for the formats. Requests are answered from it alone,
/// and it is published and replaced as a whole.
pub struct Edition {
    snapshot: Snapshot,
    listings: Listings,
    repositories: RepositoryList,
    fallback: Option<Fallback>,
    for_routes: ForRoutes,
}

impl Edition {
    /// Prepares a snapshot; takes milliseconds with Fedora's data.
    pub fn new(snapshot: Snapshot) -> Self {
        let listings = Listings::new(&snapshot);
        let repositories = RepositoryList::new(snapshot.repository_names());
        let fallback = Fallback::of(&snapshot);
        let for_routes = ForRoutes::new(&snapshot);
        Self { snapshot, listings, repositories, fallback, for_routes }
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The prepared URLs of the mirrors.
    pub fn listings(&self) -> &Listings {
        &self.listings
    }

    /// The fallback that the data name, for answers that are not configured to have another.
    pub fn fallback(&self) -> Option<&Fallback> {
        self.fallback.as_ref()
    }

    /// The list of repositories for requests that name an unknown one.
    pub fn repositories(&self) -> &RepositoryList {
        &self.repositories
    }

    /// What is prepared for the routes of the data.
    pub fn for_routes(&self) -> &ForRoutes {
        &self.for_routes
    }
}
