//! The tables and keys of the format: what the reader knows, and what the handbook lists. Those of routes are
//! in [`route_keys`](super::route_keys).

/// A table of the format.
#[derive(Debug)]
pub struct Table {
    /// Its name in messages.
    pub name: &'static str,
    /// Its head in a file.
    pub head: &'static str,
    /// Its keys, in the order in which they are written.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// What its absence means.
    pub absent: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

impl Key {
    /// What the handbook says of the absence of keys that must be there.
    pub const REQUIRED: &'static str = "required";
}

impl Table {
    /// Whether it has a key.
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// The names of its keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

pub(super) const fn key(
    name: &'static str,
    kind: &'static str,
    absent: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, kind, absent, meaning }
}

/// The distribution as a whole.
pub const DISTRIBUTION: Table = Table {
    name: "distribution",
    head: "[distribution]",
    keys: &[
        key("name", "text", Key::REQUIRED, "What it is called on pages and in messages."),
        key("contact", "mail address or URL", "none", "Whom to ask about the catalog."),
        key(
            "origin",
            "base URL",
            "none",
            "The server that has everything. It is listed last, and what it has is right. A mirror at its \
             host is not listed besides.",
        ),
        key(
            "nat64",
            "list of prefixes",
            "none",
            "NAT64 prefixes of networks, besides the well-known `64:ff9b::/96`: a client behind one \
             is looked up by its IPv4 address.",
        ),
    ],
};

/// A repository.
pub const REPOSITORY: Table = Table {
    name: "repository",
    head: "[[repository]]",
    keys: &[
        key(
            "name",
            "name",
            Key::REQUIRED,
            "Its name, by which mirrors say that they carry it. Several tables may describe parts of \
             one repository, if they differ in versions or architectures.",
        ),
        key(
            "name_template",
            "template",
            "`\"{name}-{version}\"`, or `\"{name}\"` without versions",
            "How the name in `repo=` is made, from `{name}` and `{version}`.",
        ),
        key("versions", "list of names", "no versions", "Its versions."),
        key("arches", "list of names", Key::REQUIRED, "Its architectures, for `arch=`."),
        key(
            "path",
            "template",
            Key::REQUIRED,
            "The directory that holds `repodata`, below a mirror's URL, from `{name}`, `{version}` and \
             `{arch}`.",
        ),
        key(
            "aliases",
            "list of names",
            "none",
            "Other names, which take the place of `{name}` in the template.",
        ),
        key(
            "groups",
            "list of names",
            "none",
            "Groups that it belongs to. A mirror that carries a group carries each of its \
             repositories.",
        ),
        key(
            "disabled",
            "`true`, or list of architectures",
            "`false`",
            "Whether it is switched off, for all architectures or for some: clients get an empty list \
             that says so.",
        ),
    ],
};

/// A mirror.
pub const MIRROR: Table = Table {
    name: "mirror",
    head: "[[mirror]]",
    keys: &[
        key(
            "key",
            "name",
            "required; in a folder the name of the file",
            "Its name in logs, on pages and in checks: up to 64 letters, digits, `.`, `_` and `-`, not \
             only digits.",
        ),
        key(
            "formerly",
            "list of keys",
            "none",
            "Keys that it had before, so that its history is kept.",
        ),
        key(
            "urls",
            "list of base URLs",
            Key::REQUIRED,
            "Where it serves the tree: https, http, ftp or rsync. The first of a protocol is preferred.",
        ),
        key(
            "ip_versions",
            "list of `4` and `6`",
            "not known",
            "The versions of IP over which it works, as in `[4, 6]`: it works over no other.",
        ),
        key("sponsor", "text", "none", "Who pays for it, for pages."),
        key("sponsor_url", "URL", "none", "A page of the sponsor."),
        key("owner", "mail address or URL", "none", "Who runs it, for its page."),
        key("country", "two letters", "unknown", "The country that it stands in (ISO 3166)."),
        key(
            "state",
            "text",
            "unknown",
            "The state or province, by its English or its own name in Latin letters. It tells cities of one \
             name apart, and is its place if the city is not known.",
        ),
        key(
            "city",
            "text",
            "unknown",
            "The city, by its English or its own name in Latin letters: its place, if there are no \
             `coordinates`.",
        ),
        key(
            "coordinates",
            "two numbers",
            "unknown",
            "Degrees north (-90 to 90) and degrees east (-180 to 180), as in `[52.52, 13.40]`.",
        ),
        key(
            "bandwidth",
            "text with unit, or Mbit/s",
            "the median of those given",
            "Its share of the clients, as in `\"10 Gbit/s\"`; units are kbit/s, Mbit/s, Gbit/s and \
             Tbit/s. A number counts Mbit/s.",
        ),
        key(
            "load",
            "number from 0 to 1",
            "`1`",
            "The part of its share that it gets at present, in whole percent: `0.5` for half of it. With \
             `0` it rests: it is known and checked, and in no answer.",
        ),
        key(
            "max_share",
            "number above 0, to 1",
            "`1`",
            "The most of the clients near it that get it as their first mirror, in whole percent, for a \
             small mirror in a large country: `0.3` for three of ten. The others get their next ones.",
        ),
        key(
            "asns",
            "list of AS numbers",
            "none",
            "Autonomous systems whose clients should use it: `64496`, `\"AS64496\"` or `\"1.10\"`.",
        ),
        key("networks", "list of networks", "none", "Networks whose clients should use it."),
        key(
            "private",
            "`true` or `false`",
            "`false`",
            "Whether only clients in its networks and autonomous systems get it.",
        ),
        key(
            "monopoly",
            "`true` or `false`",
            "`false`",
            "Whether clients in its networks and autonomous systems get no other mirror besides the origin; \
             requests with `country=`, or for a protocol that it lacks, are answered as without it.",
        ),
        key(
            "countries",
            "list of two letters",
            "all",
            "The only countries whose clients it serves. A client of unknown country is not served.",
        ),
        key(
            "not_countries",
            "list of two letters",
            "none",
            "Countries whose clients it does not serve.",
        ),
        key(
            "carries",
            "list of names and tables",
            "everything",
            "What it carries: repositories and groups by name, or parts of them as in \
             `{ what = \"baseos\", versions = [\"9\"], arches = [\"x86_64\"] }`. Each of the three keys \
             may be left out, and means all then.",
        ),
        key(
            "disabled",
            "text",
            "it is listed",
            "Why it is not listed at present. The other keys stay checked.",
        ),
    ],
};

/// A part of what a mirror carries.
pub const CARRIED: Table = Table {
    name: "mirror.carries",
    head: "a table in `carries`",
    keys: &[
        key("what", "name", "everything", "A repository or a group."),
        key("versions", "list of names", "all", "Versions."),
        key("arches", "list of names", "all", "Architectures."),
    ],
};

/// A network.
pub const NETWORK: Table = Table {
    name: "network",
    head: "[[network]]",
    keys: &[
        key("prefix", "network", Key::REQUIRED, "The network, as in `\"192.0.2.0/24\"`."),
        key(
            "country",
            "two letters",
            "as geography says",
            "The country that its clients are in. `country` or `name` must be there.",
        ),
        key("name", "text", "none", "What it is called on pages."),
    ],
};

/// Old names of repositories. Its keys are those names.
pub const REDIRECTS: &str = "redirects";

/// Tables of values, each with the name by which routes look values up in it. Its keys are values.
pub const MAPS: &str = "map";

/// The top of a catalog.
pub const CATALOG: Table = Table {
    name: "catalog",
    head: "a catalog",
    keys: &[
        key("distribution", "table", Key::REQUIRED, "The distribution as a whole."),
        key("repository", "tables", Key::REQUIRED, "A repository."),
        key("mirror", "tables", Key::REQUIRED, "A mirror."),
        key("network", "tables", "none", "A network with a place or a name of its own."),
        key(REDIRECTS, "table", "none", "Old names of repositories."),
        key(
            "route",
            "tables",
            "none",
            "Requests that are answered besides those for the usual paths.",
        ),
        key(MAPS, "tables", "none", "Tables in which routes look values up."),
    ],
};

/// The tables whose keys the handbook lists, in its order.
pub const TABLES: [&Table; 4] = [&DISTRIBUTION, &REPOSITORY, &MIRROR, &NETWORK];
