//! A section of the configuration: the options of one component, each defined once.
//!
//! From a list of rows, `section!` makes a struct with a field for each, which is read from the
//! command line by clap and from the file by [`super::toml_table`]; a function for each default; and the
//! [`Definition`]s, from which all documentation of options is generated. A row is
//!
//! ```text
//! /// One paragraph that says what it is
//! ///
//! /// Further paragraphs.
//! name: Type {
//!     key: "table.key",             // its place in the file
//!     flag: (long),                 // clap's attributes; (skip) is none
//!     value: "SECONDS",             // the name or unit of its value
//!     default: 5,                   // at most one of: the default value,
//!     profiles: (0, 1),             //   the default with each profile of answers,
//!     otherwise: "what that means", //   what is done without it, in words
//!     example: "7",                 // TOML for the example file, if the default cannot be shown
//!     shipped: "7",                 // TOML that the example file sets
//! }
//! ```
//!
//! Default texts, the alternative spelling of flags, names and completions of values are added to
//! clap's definition from the same rows, in [`crate::cli`].

use super::definition::{Absent, Definition, Show};
use super::toml_table::Keys;

/// Options that belong together, as the operator wrote them: every option may be absent.
pub trait Section: Keys + Sized {
    /// Its name, and paragraphs on what it is about.
    fn about() -> (&'static str, Vec<String>);

    /// Its options, in reading order.
    fn definitions() -> Vec<Definition>;

    /// Merges two layers; a value in the upper layer wins.
    fn merge(self, lower: Self) -> Self;
}

/// A default that is a value.
pub(super) fn shown<T: Show>(default: T) -> Absent {
    Absent::Value(default.show())
}

/// A default for each profile of answers.
pub(super) fn by_profile<T: Show>(compatible: T, modern: T) -> Absent {
    Absent::ByProfile { compatible: compatible.show(), modern: modern.show() }
}

macro_rules! section {
    (
        $(#[doc = $about:tt])*
        pub struct $Name:ident in $heading:tt {
            $(
                $(#[doc = $doc:tt])*
                $field:ident: $Type:ty {
                    key: $key:tt,
                    flag: ($($flag:tt)*),
                    value: $value:tt,
                    $(default: $default:expr,)?
                    $(profiles: ($compatible:expr, $modern:expr),)?
                    $(otherwise: $otherwise:tt,)?
                    $(example: $example:tt,)?
                    $(shipped: $shipped:tt,)?
                }
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(clap::Args, Clone, Debug, Default)]
        #[command(next_help_heading = $heading)]
        pub struct $Name {
            $(
                $(#[doc = $doc])*
                #[arg($($flag)*)]
                pub $field: Option<$Type>,
            )*
        }

        impl $crate::config::section_macro::Section for $Name {
            fn about() -> (&'static str, Vec<String>) {
                ($heading, $crate::config::definition::paragraphs(&[$($about),*]))
            }

            fn definitions() -> Vec<$crate::config::definition::Definition> {
                use $crate::config::definition::{Absent, Definition, OptionValue, paragraphs};
                vec![$(Definition {
                    key: $key,
                    id: stringify!($field),
                    paragraphs: paragraphs(&[$($doc),*]),
                    value: $value,
                    kind: <$Type as OptionValue>::kind(),
                    absent: None::<Absent>
                        $(.or(Some($crate::config::section_macro::shown::<$Type>($default))))?
                        $(.or(Some($crate::config::section_macro::by_profile::<$Type>($compatible, $modern))))?
                        $(.or(Some(Absent::Words($otherwise))))?
                        .unwrap_or(Absent::Nothing),
                    example: None::<&'static str>$(.or(Some($example)))?,
                    shipped: None::<&'static str>$(.or(Some($shipped)))?,
                }),*]
            }

            fn merge(self, lower: Self) -> Self {
                use $crate::config::definition::OptionValue;
                Self { $($field: OptionValue::merge(self.$field, lower.$field),)* }
            }
        }

        impl $crate::config::toml_table::Keys for $Name {
            fn read<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $($key => self.$field = Some(map.next_value()?),)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }

        #[allow(dead_code, reason = "some sections have no defaults, some defaults no reader")]
        impl $Name {
            $(
                $(
                    /// The value that was written, or the default.
                    pub fn $field(&self) -> $Type {
                        self.$field.clone().unwrap_or_else(|| $default)
                    }
                )?
                $(
                    /// The value that was written, or the default of the profile.
                    pub fn $field(&self, profile: $crate::config::values::Profile) -> $Type {
                        use $crate::config::values::Profile;
                        self.$field.clone().unwrap_or_else(|| match profile {
                            Profile::Compatible => $compatible,
                            Profile::Modern => $modern,
                        })
                    }
                )?
            )*
        }
    };
}

pub(crate) use section;
