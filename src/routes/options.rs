//! What a route changes in its answers: format, options and the style of error messages.

use model::url::Protocol;

use super::template::Template;

/// The format of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RouteFormat {
    /// A text list of URLs.
    #[default]
    Text,
    /// A metalink of version 3.
    Metalink,
    /// A metalink of version 4.
    Metalink4,
    /// JSON.
    Json,
    /// A list for apt's mirror method.
    Apt,
    /// A list for pacman.
    Pacman,
    /// A list for urpmi.
    Urpmi,
    /// A redirect to the first URL.
    Redirect,
    /// A JSON list of images.
    Isolist,
}

/// The style of error messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Errors {
    /// 404 with a line of text.
    #[default]
    Usual,
    /// 200 with a line of text, as the old lists of CentOS.
    Centos,
    /// 404 with JSON, and 200 with text for bad parameters, as AlmaLinux.
    Alma,
    /// As Fedora's mirrorlist-server.
    MirrorManager,
    /// 200 and nothing.
    Empty,
    /// 200 and the fallback alone.
    Fallback,
}

/// The order of mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// By the tiers of the client: its network, country, continent.
    Tier,
    /// By their distance from the client, after those of its network.
    Nearest,
    /// All mirrors that may be listed for the client, by chance.
    Random,
    /// By the key of the mirror. As with [`Order::Static`], answers are the same for all clients.
    Name,
    /// The order of the catalog, the same for all clients: only public mirrors without restrictions are
    /// listed, and neither netblocks nor autonomous systems nor the client's country count.
    Static,
}

/// The first line of a text list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Header {
    /// What was asked for and found.
    #[default]
    Usual,
    /// None.
    None,
    /// This text, behind the format's mark for comments.
    Text(String),
}

/// What is different in the answers of a route. What is `None` is as in all other answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteOptions {
    /// The most mirrors, without the fallback.
    pub limit: Option<usize>,
    /// Mirrors of the whole world are added when fewer were found.
    pub minimum: Option<usize>,
    /// The most URLs of a mirror.
    pub urls_per_mirror: Option<usize>,
    /// The protocols that are listed, the most preferred first.
    pub prefer: Option<Vec<Protocol>>,
    /// The first line of a list of lines.
    pub header: Header,
    /// Whether a newline ends the last line of a text list.
    pub final_newline: bool,
    /// Whether URLs of directories end with a slash.
    pub trailing_slash: bool,
    /// A template that is appended to each URL.
    pub(crate) suffix: Option<Template>,
    /// The base URL that is listed last, in canonical form.
    pub fallback: Option<String>,
    /// The order of mirrors.
    pub order: Option<Order>,
    /// Whether only mirrors of one country are listed, the one that the request names or else the
    /// client's, and the fallback.
    pub country_only: bool,
    /// The value of `Content-Type`; a media type of printable ASCII.
    pub content_type: Option<String>,
    /// For how many seconds caches may keep an answer; only where it is the same for all clients.
    pub cache: Option<u32>,
    /// Whether the lines of a list for pacman are comments, for people to choose from.
    pub commented: bool,
    /// Whether a list for apt has URLs alone, without priorities, for apt before 1.6.
    pub plain: bool,
}

impl Default for RouteOptions {
    fn default() -> Self {
        Self {
            limit: None,
            minimum: None,
            urls_per_mirror: None,
            prefer: None,
            header: Header::Usual,
            final_newline: true,
            trailing_slash: true,
            suffix: None,
            fallback: None,
            order: None,
            country_only: false,
            content_type: None,
            cache: None,
            commented: false,
            plain: false,
        }
    }
}

impl RouteFormat {
    const NAMES: [(&str, Self); 9] = [
        ("text", Self::Text),
        ("metalink", Self::Metalink),
        ("metalink4", Self::Metalink4),
        ("json", Self::Json),
        ("apt", Self::Apt),
        ("pacman", Self::Pacman),
        ("urpmi", Self::Urpmi),
        ("redirect", Self::Redirect),
        ("isolist", Self::Isolist),
    ];

    /// The format of that name; text for an empty one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        named(name, &Self::NAMES)
    }

    /// The name of the format.
    pub fn name(self) -> &'static str {
        name_of(self, &Self::NAMES)
    }

    /// The names of all formats, for messages.
    pub(crate) fn names() -> String {
        one_of(Self::NAMES.iter().map(|(name, _)| *name))
    }
}

impl Errors {
    const NAMES: [(&str, Self); 6] = [
        ("default", Self::Usual),
        ("centos", Self::Centos),
        ("alma", Self::Alma),
        ("mm", Self::MirrorManager),
        ("empty", Self::Empty),
        ("fallback", Self::Fallback),
    ];

    /// The style of that name; the default for an empty one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        named(name, &Self::NAMES)
    }

    /// The names of all styles, for messages.
    pub(crate) fn names() -> String {
        one_of(Self::NAMES.iter().map(|(name, _)| *name))
    }

    /// The HTTP status of the message that a name is unknown.
    pub fn status_of_unknown(self) -> u16 {
        match self {
            Self::Usual | Self::Alma | Self::MirrorManager => 404,
            Self::Centos | Self::Empty | Self::Fallback => 200,
        }
    }

    /// The HTTP status of the message that a parameter is missing.
    pub fn status_of_missing(self) -> u16 {
        match self {
            Self::Usual => 404,
            Self::Centos | Self::Alma | Self::MirrorManager | Self::Empty | Self::Fallback => 200,
        }
    }

    /// The HTTP status of the message that a parameter cannot be read.
    pub fn status_of_bad_value(self) -> u16 {
        match self {
            Self::Usual | Self::MirrorManager => 400,
            Self::Centos | Self::Alma | Self::Empty | Self::Fallback => 200,
        }
    }
}

impl Order {
    const NAMES: [(&str, Self); 5] = [
        ("tier", Self::Tier),
        ("nearest", Self::Nearest),
        ("random", Self::Random),
        ("name", Self::Name),
        ("static", Self::Static),
    ];

    /// The order of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, order)| order)
    }

    /// The names of all orders, for messages.
    pub(crate) fn names() -> String {
        one_of(Self::NAMES.iter().map(|(name, _)| *name))
    }

    /// Whether answers to one request are the same for all clients.
    fn is_same_for_all(self) -> bool {
        matches!(self, Self::Name | Self::Static)
    }
}

impl RouteOptions {
    /// Whether the order of mirrors is the same for all clients.
    pub fn has_order_for_all(&self) -> bool {
        self.order.is_some_and(Order::is_same_for_all)
    }
}

fn named<T: Copy + Default>(name: &str, names: &[(&str, T)]) -> Option<T> {
    match name {
        "" => Some(T::default()),
        _ => names.iter().find(|(known, _)| *known == name).map(|&(_, value)| value),
    }
}

fn name_of<T: Copy + PartialEq>(value: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |&(name, _)| name)
}

/// Names as a choice in a sentence.
pub(crate) fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
