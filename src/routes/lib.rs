//! The route table: which requests a catalog answers, with the target, the format and the options of
//! each answer. The paths that are built in are none of it: they are in `answer/format.rs`.
//!
//! A [`WrittenRoute`] is what the catalog says of one kind of request, as text. [`compile()`] checks all
//! routes together and makes a [`RouteTable`] of them. [`RouteTable::find`] returns the route of a request,
//! as a [`Match`] with the values of its variables, and [`Match::target`] makes the name of a repository, a
//! path or a URL from them.
//!
//! # How a request finds its route
//!
//! A table has at most 256 routes, numbered by precedence, so a set of routes is four words. The host
//! chooses a set; a walk down a tree of path segments chooses another; the first route in both whose
//! query parameters are there is the answer. Each node of the tree is visited at most once, each
//! segment is split in one way only, and the query is read once: the time is linear in the request,
//! whatever the routes are. There are no regular expressions.
//!
//! # Precedence
//!
//! Of several routes that match a request the first in this order counts:
//!
//! 1. the one of higher `rank`;
//! 2. one with a host before one without;
//! 3. the one with more characters outside of the variables of its path;
//! 4. the one that needs more query parameters, and then the one that needs more of them to have one
//!    value;
//! 5. the one with fewer variables in its path that hold any text;
//! 6. one without `{name*}` before one with.
//!
//! Two routes that are equal in all of that must not match the same request.
//!
//! # What it does not do
//!
//! It does not know mirrors or directories, and it checks the values of parameters (countries,
//! protocols, addresses) no further than that they are text. It does no I/O. A snapshot holds a table
//! in the form of [`Stored`], from which all is made again and checked when it is loaded.

pub mod limits;
mod affix;
mod text;
mod word;
pub mod written;
pub mod fault;
mod charset;
mod map;
mod class;
mod segment;
mod pattern;
mod parse_pattern;
mod standard;
mod query;
mod parse_query;
mod unresolved;
mod values;
mod template;
mod parse_template;
pub mod target;
pub mod options;
mod scope;
mod read_value;
mod parse_target;
mod parse_options;
mod hosts;
mod route_set;
mod tree;
mod precedence;
mod route;
mod table;
mod uses;
mod assemble;
mod value_state;
mod automaton;
mod common_path;
mod overlap;
mod reach;
mod fit;
mod compile;
mod route_tests;
#[cfg(any(test, feature = "twin"))]
pub mod notation;
#[cfg(any(test, feature = "twin"))]
pub mod twin;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod overlap_properties;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod styles;

pub use compile::{CatalogNames, compile};
pub use fault::{Problem, RouteFault};
pub use options::{Errors, RouteFormat, RouteOptions};
pub use query::BadValue;
pub use route_tests::check_tests;
pub use standard::Standard;
pub use table::{Match, RouteTable};
pub use target::{Arch, RouteTarget};
pub use unresolved::Unresolved;
pub use uses::RouteUse;
pub use written::{Map, Stored, Test, Value, WrittenRoute};
