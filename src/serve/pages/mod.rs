//! Pages for people: what those of the admin listener and the public one share.
//!
//! Pages are HTML templates (`templates/`), checked at compile time and escaped by askama. They need no
//! script and nothing from outside ([`POLICY`]). [`layout`] holds the links around a page, and
//! [`page_threads`] runs what makes pages off the threads that answer; [`kept`] pages are made once for all who ask. The page that explains answers
//! is in four parts: [`explain_form`] reads the form, [`explaining`] asks for a report,
//! `explanation_page` shows it, and [`explanation`] is what listeners call.

pub mod layout;
pub mod page_threads;
pub mod explain_form;
pub mod explaining;
mod explanation_page;
pub mod explanation;
pub mod kept;

/// The content security policy of pages: a page fetches nothing, its forms lead to the server that it came
/// from, and injected text cannot change that.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
/// The media type of pages.
pub const HTML: &str = "text/html; charset=utf-8";
