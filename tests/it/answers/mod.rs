//! What each request is answered, by the sections of the compatibility notes: requests, selection,
//! text, metalinks, and where the reference is wrong; and where
//! clients are: tunnels, continents, restrictions.

mod request;
mod requester;
mod selection;
mod text;
mod metalink;
mod better;
mod shaped;
mod explained;
mod places;
