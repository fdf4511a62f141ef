//! What answers are made of that is the same in every answer, prepared once for each snapshot.

mod metalink;
pub mod listings;
pub mod repositories;

use snapshot::Snapshot;

use listings::Listings;
use repositories::RepositoryList;

/// A snapshot with what is prepared from it for the formats: everything that a request is answered
/// from, published and replaced as one.
pub struct Edition {
    snapshot: Snapshot,
    listings: Listings,
    repositories: RepositoryList,
}

impl Edition {
    /// Prepares a snapshot; takes milliseconds with Fedora's data.
    pub fn new(snapshot: Snapshot) -> Self {
        let listings = Listings::new(&snapshot);
        let repositories = RepositoryList::new(snapshot.repository_names());
        Self { snapshot, listings, repositories }
    }

    /// The data.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How mirrors are listed.
    pub fn listings(&self) -> &Listings {
        &self.listings
    }

    /// What a request for an unknown repository is told.
    pub fn repositories(&self) -> &RepositoryList {
        &self.repositories
    }
}
