//! What a site takes from the options of background work, beside its inputs.

use super::ControlOptions;
use crate::config::sections::control_error::ControlError;
use control::options::{GeographyTables, PrimaryTree};
use scan::TreeSource;
use sources::{Inputs, TextCatalog};

impl ControlOptions {
    /// The tree that scans read; `None` if none is named.
    pub(super) fn primary_tree(
        &self,
        inputs: &Inputs,
    ) -> Result<Option<PrimaryTree>, ControlError> {
        let (source, key) = match (&self.control_tree, &self.control_rsync_listing) {
            (Some(tree), None) => (TreeSource::Tree(tree.clone()), "tree"),
            (None, Some(listing)) => (TreeSource::RsyncListing(listing.clone()), "rsync_listing"),
            (Some(_), Some(_)) => return Err(ControlError::TwoTrees),
            (None, None) => return Ok(None),
        };
        let Inputs::Catalog(TextCatalog { index: Some(index), .. }) = inputs else {
            return Err(ControlError::NoIndex(key));
        };
        Ok(Some(PrimaryTree { source, index: index.clone() }))
    }

    /// The tables of networks that are made into one; `None` if none are named.
    pub(super) fn geography(&self) -> Result<Option<GeographyTables>, ControlError> {
        let (countries, systems) = (self.control_country_tables(), self.control_asn_tables());
        let output =
            match (&self.control_geography_file, countries.is_empty() && systems.is_empty()) {
                (Some(output), false) => output.clone(),
                (Some(_), true) => return Err(ControlError::NoTables),
                (None, false) => return Err(ControlError::NoGeographyFile),
                (None, true) => return Ok(None),
            };
        if countries.iter().chain(&systems).any(|table| *table == output) {
            return Err(ControlError::TableReplaced(output));
        }
        Ok(Some(GeographyTables { countries, systems, output }))
    }
}
