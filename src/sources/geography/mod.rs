//! Files that say where networks are: which systems they belong to, in which countries they are, and
//! on which continents those.

pub mod global_netblocks;
pub mod country_continent;
pub mod country_database;
