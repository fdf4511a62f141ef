//! The tables and keys of routes: what the reader knows, and what the handbook lists.

use super::keys::{Key, Table, key};

/// A route.
pub const ROUTE: Table = Table {
    name: "route",
    head: "[[route]]",
    keys: &[
        key("name", "name", Key::REQUIRED, "Its name, for messages and logs."),
        key(
            "host",
            "host, or list of hosts",
            "all hosts",
            "The hosts for which it holds, without ports. A route with a host comes before one without.",
        ),
        key(
            "path",
            "pattern",
            Key::REQUIRED,
            "The paths for which it holds, as in `/mirrorlist/{version}/{repo}`.",
        ),
        key(
            "query",
            "table",
            "no parameter counts",
            "Query parameters, each with a rule: which variable it fills, as in \
             `{ arch = \"arch?\", release = \"version!\" }`.",
        ),
        key(
            "strict",
            "`true` or `false`",
            "`false`",
            "Whether a request with a parameter that `query` does not name is none for this route.",
        ),
        key("target", "table", Key::REQUIRED, "What clients get a list for."),
        key(
            "format",
            "text",
            "`\"text\"`",
            "The format of answers: `text`, `metalink`, `metalink4`, `json`, `apt`, `pacman`, `urpmi`, \
             `redirect` or `isolist`.",
        ),
        key("options", "table", "as in other answers", "What is different in its answers."),
        key(
            "errors",
            "text",
            "`\"default\"`",
            "The style of error messages: `default`, `centos`, `alma`, `mm`, `empty` or `fallback`.",
        ),
        key("rank", "number", "`0`", "Routes of a higher rank are tried before others."),
        key("test", "tables", "none", "Requests with what must come of them."),
    ],
};

/// The target of a route.
pub const TARGET: Table = Table {
    name: "route.target",
    head: "[route.target]",
    keys: &[
        key(
            "repo",
            "template",
            "another target",
            "The name of a repository, as in `repo=`; aliases and redirects count. `arch` goes with it.",
        ),
        key(
            "arch",
            "template",
            "another target",
            "The architecture, or a text that stands for each, as in `{arch|literal:$basearch}`.",
        ),
        key("path", "template", "another target", "A directory or a file below a mirror's URL."),
        key(
            "category",
            "template",
            "another target",
            "A group of repositories: the URLs of mirrors that carry all of it.",
        ),
        key(
            "url",
            "template, or list of templates",
            "another target",
            "URLs that are always the same.",
        ),
    ],
};

/// The options of a route.
pub const OPTIONS: Table = Table {
    name: "route.options",
    head: "[route.options]",
    keys: &[
        key(
            "limit",
            "number",
            "as configured",
            "The most mirrors, 1 to 10000, without `fallback`.",
        ),
        key(
            "minimum",
            "number",
            "as configured",
            "Mirrors of the whole world are added when fewer were found; in the order `tier` and without \
             `country_only` only.",
        ),
        key("urls_per_mirror", "number", "all", "The most URLs of a mirror."),
        key(
            "prefer",
            "list of protocols",
            "as configured",
            "The protocols that are listed, the most preferred first; others are not listed.",
        ),
        key(
            "header",
            "`true`, `false` or text",
            "`true`",
            "The comment in front of a list: what was asked for and found, none, or this text.",
        ),
        key(
            "final_newline",
            "`true` or `false`",
            "`true`",
            "Whether the last line ends with a newline.",
        ),
        key(
            "trailing_slash",
            "`true` or `false`",
            "`true`",
            "Whether URLs of directories end with a slash.",
        ),
        key("suffix", "template", "none", "What is appended to each URL, as in `$repo/os/$arch`."),
        key(
            "fallback",
            "base URL",
            "none",
            "The URL that is listed last, of a protocol that `prefer` has.",
        ),
        key(
            "order",
            "text",
            "as configured",
            "The order of mirrors: `tier` (the client's network, country, continent), `nearest` (its network, \
             then by distance), `random`, or the same for all clients: `name` (by key) or `static` (as in the \
             catalog).",
        ),
        key(
            "country_only",
            "`true` or `false`",
            "`false`",
            "Whether only mirrors of the named or else the client's country are listed, with `fallback`.",
        ),
        key("content_type", "text", "that of the format", "The value of `Content-Type`."),
        key(
            "cache",
            "number",
            "not kept",
            "For how many seconds caches may keep answers, 1 to 86400; only with `order = \"name\"` or \
             `\"static\"`.",
        ),
        key(
            "commented",
            "`true` or `false`",
            "`false`",
            "Whether the lines of a list for pacman are comments.",
        ),
        key(
            "plain",
            "`true` or `false`",
            "`false`",
            "Whether a list for apt has URLs alone, for apt before 1.6.",
        ),
    ],
};

/// A test of a route.
pub const TEST: Table = Table {
    name: "route.test",
    head: "[[route.test]]",
    keys: &[
        key("get", "text", Key::REQUIRED, "The request: a path, with a query if there is one."),
        key("host", "text", "the first of the route", "The host that is asked."),
        key(
            "repo",
            "text",
            "not compared",
            "The name of the repository, before aliases and redirects.",
        ),
        key("arch", "text", "not compared", "The architecture, or the text that stands for each."),
        key("path", "text", "not compared", "The directory or file."),
        key("category", "text", "not compared", "The group."),
        key("url", "text", "not compared", "The first URL."),
        key("format", "text", "not compared", "The format."),
        key(
            "status",
            "number",
            "a list",
            "The HTTP status. With 404 the request may also be one for no route. Directories and files are not \
             looked up.",
        ),
    ],
};

/// The tables of routes whose keys the handbook lists, in its order.
pub const TABLES: [&Table; 4] = [&ROUTE, &TARGET, &OPTIONS, &TEST];
