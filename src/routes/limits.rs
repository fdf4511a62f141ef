//! Bounds of a route table.

/// The most routes of a table.
pub const MAX_ROUTES: usize = 256;
/// The most variables of a route.
pub const MAX_VARIABLES: usize = 16;
/// The most bytes of a path pattern, a host, a template or another text of a route.
pub const MAX_TEXT: usize = 256;
/// The most query parameters that the routes of a table name together.
pub const MAX_PARAMETERS: usize = 64;
/// The most hosts of a route, and URLs of a target.
pub const MAX_LIST: usize = 64;
/// The most maps of a table.
pub const MAX_MAPS: usize = 256;
/// The most entries of all maps of a table together.
pub const MAX_ENTRIES: usize = 65_536;
/// The most seconds for which caches may keep an answer: a day.
pub const MAX_CACHE: usize = 86_400;
/// The most bytes of the value of a variable in a path segment.
pub const MAX_VALUE: usize = 64;
/// Paths at and below this one belong to the program itself: no route is looked up for them.
pub const RESERVED: &str = "/api/v1";
