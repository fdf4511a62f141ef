//! What each request is answered, by the sections of the compatibility notes: requests, selection,
//! text, metalinks, and where the reference is wrong; and where
//! clients are: tunnels, continents, restrictions.

mod request;
mod requester;
mod route_errors;
mod routes;
mod route_twin;
mod selection;
mod text;
mod metalink;
mod better_than_reference;
mod shaping;
mod explained;
mod left_out;
mod client_locations;
