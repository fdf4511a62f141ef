//! The formats of answers: which one a path and an `Accept` header ask for.

use routes::RouteFormat;

/// The format of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A text list of URLs.
    Mirrorlist,
    /// A metalink with checksums, in MirrorManager's dialect of version 3.
    Metalink,
    /// A metalink of version 4 (RFC 5854).
    Metalink4,
    /// A JSON array with everything that is known of the listed mirrors, for programs.
    Json,
    /// A list for apt's mirror method.
    Apt,
    /// A list for pacman.
    Pacman,
    /// A list for urpmi.
    Urpmi,
    /// A JSON array of URLs.
    Isolist,
}

impl Format {
    /// The format that a path asks for by its end: `/mirrorlist`, `/metalink` or `/metalink4`. The
    /// part before that does not count.
    pub fn of_path(path: &str) -> Option<Self> {
        match path.rsplit_once('/')?.1 {
            "mirrorlist" => Some(Self::Mirrorlist),
            "metalink" => Some(Self::Metalink),
            "metalink4" => Some(Self::Metalink4),
            _ => None,
        }
    }

    /// The format of a route. A redirect is a list of which only the first URL is told.
    pub fn of_route(format: RouteFormat) -> Self {
        match format {
            RouteFormat::Text | RouteFormat::Redirect => Self::Mirrorlist,
            RouteFormat::Metalink => Self::Metalink,
            RouteFormat::Metalink4 => Self::Metalink4,
            RouteFormat::Json => Self::Json,
            RouteFormat::Apt => Self::Apt,
            RouteFormat::Pacman => Self::Pacman,
            RouteFormat::Urpmi => Self::Urpmi,
            RouteFormat::Isolist => Self::Isolist,
        }
    }

    /// The format that the client prefers according to its `Accept` header. A metalink can become one
    /// of version 4, and a text list can become JSON, for clients that name those types.
    pub fn negotiate(self, accept: &str) -> Self {
        let (own, other) = match self {
            Self::Metalink => (self.content_type(), Self::Metalink4),
            Self::Mirrorlist => (self.content_type(), Self::Json),
            _ => return self,
        };
        let quality = |media_type| quality_of(accept, media_type);
        match (quality(other.content_type()), quality(own)) {
            (Some(other_quality), own)
                if other_quality > 0 && own.is_none_or(|own| own <= other_quality) =>
            {
                other
            }
            _ => self,
        }
    }

    /// The media type of the document, which clients compare literally.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mirrorlist | Self::Apt | Self::Pacman | Self::Urpmi => "text/plain",
            Self::Metalink => "application/metalink+xml",
            Self::Metalink4 => "application/metalink4+xml",
            Self::Json | Self::Isolist => "application/json",
        }
    }

    /// Whether the format describes a file, with its checksums.
    pub(super) fn describes_file(self) -> bool {
        matches!(self, Self::Metalink | Self::Metalink4)
    }
}

/// The quality of a media type that an `Accept` header names, in thousandths (RFC 9110, section
/// 12.5.1). Wildcards do not count as names.
fn quality_of(accept: &str, media_type: &str) -> Option<u32> {
    let item = accept.split(',').find_map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        name.trim().eq_ignore_ascii_case(media_type).then_some(parameters)
    })?;
    let quality = item.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    // `0.5` becomes 500; a value that cannot be read counts as 1.
    let quality = quality.and_then(|text| text.parse::<f32>().ok()).unwrap_or(1.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000"
    )]
    Some((quality.clamp(0.0, 1.0) * 1_000.0) as u32)
}
