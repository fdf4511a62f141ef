//! What visits to mirrors take from the options of background work.

use std::path::PathBuf;

use super::ControlOptions;
use crate::config::sections::control_error::ControlError;
use crate::config::values::control::{Contact, WebhookUrl};
use control::options::{Checks, PublicPages, Webhook};
use sources::Inputs;

impl ControlOptions {
    /// How mirrors are visited; `None` if they are not.
    pub(super) fn checks(&self) -> Result<Option<Checks>, ControlError> {
        if self.control_webhook_secret_file.is_some() && self.control_webhook.is_none() {
            return Err(ControlError::NothingToTell("webhook_secret_file", "webhook"));
        }
        if self.control_webhook.is_some() && !self.control_visit_mirrors() {
            return Err(ControlError::NothingToTell("webhook", "visit_mirrors"));
        }
        if self.control_rsync_listings() {
            if !self.control_visit_mirrors() {
                return Err(ControlError::NothingToTell("rsync_listings", "visit_mirrors"));
            }
            if self.control_tree.is_none() && self.control_rsync_listing.is_none() {
                return Err(ControlError::NothingToTell("rsync_listings", "tree"));
            }
        }
        let over = self.control_visit_over.iter().flatten().map(|&family| family.into());
        Ok(self.control_visit_mirrors().then(|| Checks {
            every: self.control_visits_every().as_seconds(),
            over: over.collect(),
            contact: self.control_contact.clone().map(|Contact(contact)| contact),
            allow_private_targets: self.control_allow_private_targets(),
            sample_files: self.control_sample_files(),
            rsync_listings: self.control_rsync_listings(),
            redirects: self.control_redirects().into(),
            require_all_families: self.control_require_all_families(),
            speed: self.control_test_speed().get().into(),
            webhook: self.control_webhook.clone().map(|WebhookUrl(url)| Webhook {
                url,
                secret_file: self.control_webhook_secret_file.clone(),
            }),
        }))
    }

    /// Where pages of mirrors are shown to everybody; `None` if they are not.
    pub(super) fn public_pages(&self) -> Result<Option<PublicPages>, ControlError> {
        match (&self.control_public_pages, self.control_visit_mirrors()) {
            (None, _) => Ok(None),
            (Some(_), false) => Err(ControlError::NothingToTell("public_pages", "visit_mirrors")),
            (Some(address), true) => Ok(Some(PublicPages {
                address: address.clone(),
                max_connections: self.control_public_connections().as_usize(),
            })),
        }
    }

    /// The file that visits write; `None` if mirrors are not visited.
    pub(super) fn findings(&self, inputs: &Inputs) -> Result<Option<PathBuf>, ControlError> {
        match (self.control_visit_mirrors(), inputs.findings()) {
            (false, _) => Ok(None),
            (true, Some(file)) => Ok(Some(file.to_owned())),
            (true, None) => Err(ControlError::NoFindings),
        }
    }
}
