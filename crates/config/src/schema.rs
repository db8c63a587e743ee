//! What a key is: the one declaration from which everything else is derived.

use std::fmt;

use crate::layer::Source;

/// The values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Described in words.
    Words(&'static str),
    /// A closed list.
    OneOf(&'static [&'static str]),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Words(words) => f.write_str(words),
            Allowed::OneOf([only]) => f.write_str(only),
            Allowed::OneOf(choices) => write!(f, "one of {}", choices.join(", ")),
        }
    }
}

/// What is known about a type of value before any value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The values of the type.
    pub allowed: Allowed,
    /// Several values: a YAML list, or a variable split on commas.
    pub list: bool,
    /// Never shown in full.
    pub secret: bool,
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted path in the file; `[]` stands for each element of a list.
    pub path: &'static str,
    /// The value without file and variable, written as in the file; `None` when the key has none.
    pub default: Option<&'static str>,
    /// The environment variable; `None` for the keys of list elements.
    pub variable: Option<&'static str>,
    /// Lines of help.
    pub help: &'static [&'static str],
    /// What the value may be.
    pub allowed: Allowed,
    /// The type of the value.
    pub kind: Kind,
}

/// A section of the file: keys, sections inside it, and lists of sections.
#[derive(Clone, Copy, Debug)]
pub struct SectionSpec {
    /// Dotted path followed by `.`; empty for the root.
    pub prefix: &'static str,
    /// Lines of help.
    pub help: &'static [&'static str],
    /// The keys directly in this section.
    pub keys: &'static [Key],
    /// Sections inside this one.
    pub sections: &'static [&'static SectionSpec],
    /// Sections that repeat, as elements of a list.
    pub lists: &'static [&'static SectionSpec],
}

impl SectionSpec {
    /// Dotted path of the section; empty for the root.
    pub fn path(&self) -> &'static str {
        self.prefix.strip_suffix('.').unwrap_or(self.prefix)
    }

    /// This section and those below it, in the order of declaration.
    pub fn walk(&'static self) -> Vec<&'static SectionSpec> {
        let below = self.sections.iter().chain(self.lists);
        std::iter::once(self)
            .chain(below.flat_map(|section| section.walk()))
            .collect()
    }
}

/// A limit that a key adds to its type.
pub(crate) struct Rule<T> {
    pub allowed: &'static str,
    pub holds: fn(&T) -> bool,
}

/// A typed section that can be read from the layers and shown again.
pub(crate) trait Section: Sized {
    const SPEC: SectionSpec;

    /// Reads every key, noting all problems; `None` when a required key is missing.
    fn read(source: &mut Source<'_>) -> Option<Self>;

    /// Visits the effective value of every key, secrets masked, under `prefix`.
    fn visit(&self, prefix: &str, visit: &mut dyn FnMut(String, serde_json::Value));
}

/// The last of some choices: what a key says about itself outranks what its type says.
pub(crate) const fn last<T: Copy>(choices: &[T]) -> T {
    choices[choices.len() - 1]
}

/// Declares a section once: struct, keys, reading and showing.
///
/// Each key is `/// help`, `name: Type = "default", "VARIABLE", RULE;` where default, variable and
/// rule may be left out. The doc comment is both the field's documentation and the key's help.
macro_rules! section {
    (
        $(#[doc = $section_help:literal])+
        pub struct $name:ident at $prefix:literal {
            $(
                $(#[doc = $help:literal])+
                $field:ident : $type:ty $(= $default:literal)? $(, $variable:literal)? $(, $rule:path)? ;
            )*
            $(sections {
                $( $(#[doc = $nested_help:literal])+ $nested:ident : $nested_type:ty; )+
            })?
            $(lists {
                $( $(#[doc = $list_help:literal])+ $list:ident : $element:ty; )+
            })?
        }
    ) => {
        $(#[doc = $section_help])+
        #[derive(Clone, Debug)]
        pub struct $name {
            $( $(#[doc = $help])+ pub $field: $type, )*
            $( $( $(#[doc = $nested_help])+ pub $nested: $nested_type, )+ )?
            $( $( $(#[doc = $list_help])+ pub $list: Vec<$element>, )+ )?
        }

        impl $crate::schema::Section for $name {
            const SPEC: $crate::schema::SectionSpec = $crate::schema::SectionSpec {
                prefix: $prefix,
                help: &[$($section_help),+],
                keys: &[$(
                    $crate::schema::Key {
                        path: concat!($prefix, stringify!($field)),
                        default: $crate::schema::last(&[None $(, Some($default))?]),
                        variable: $crate::schema::last(&[None $(, Some($variable))?]),
                        help: &[$($help),+],
                        allowed: $crate::schema::last(&[
                            <$type as $crate::value::Value>::KIND.allowed
                            $(, $crate::schema::Allowed::Words($rule.allowed))?
                        ]),
                        kind: <$type as $crate::value::Value>::KIND,
                    }
                ),*],
                sections: &[$($( &<$nested_type as $crate::schema::Section>::SPEC ),+)?],
                lists: &[$($( &<$element as $crate::schema::Section>::SPEC ),+)?],
            };

            fn read(source: &mut $crate::layer::Source<'_>) -> Option<Self> {
                let mut keys = Self::SPEC.keys.iter();
                $( let $field = keys.next().and_then(|key| source.key::<$type>(key, &[$($rule.holds)?])); )*
                $($( let $nested = <$nested_type as $crate::schema::Section>::read(source); )+)?
                $($( let $list = source.list::<$element>(); )+)?
                Some(Self {
                    $( $field: $field?, )*
                    $($( $nested: $nested?, )+)?
                    $($( $list, )+)?
                })
            }

            fn visit(&self, prefix: &str, visit: &mut dyn FnMut(String, serde_json::Value)) {
                $(
                    let path = format!("{prefix}{}", stringify!($field));
                    visit(path, $crate::value::Value::render(&self.$field));
                )*
                $($(
                    let path = format!("{prefix}{}.", stringify!($nested));
                    $crate::schema::Section::visit(&self.$nested, &path, visit);
                )+)?
                $($(
                    for (index, element) in self.$list.iter().enumerate() {
                        let path = format!("{prefix}{}[{index}].", stringify!($list));
                        $crate::schema::Section::visit(element, &path, visit);
                    }
                )+)?
            }
        }
    };
}

/// Declares a closed list of values: the enum, its names in the file, and how it is read.
macro_rules! choice {
    (
        $(#[doc = $help:literal])+
        pub enum $name:ident { $( $(#[doc = $variant_help:literal])+ $variant:ident = $text:literal, )+ }
    ) => {
        $(#[doc = $help])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[doc = $variant_help])+ $variant, )+ }

        impl $name {
            /// The name used in the file, in variables and in messages.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::value::Value for $name {
            const KIND: $crate::schema::Kind =
                $crate::value::kind($crate::schema::Allowed::OneOf(&[$($text),+]));

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $( $text => Ok(Self::$variant), )+
                    _ => Err("is not known".into()),
                }
            }

            fn render(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }
    };
}

pub(crate) use {choice, section};
