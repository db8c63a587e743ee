//! Labels: closed sets of values, checked by the compiler.

/// One label of a metric: an enum whose values are a closed list.
///
/// Every [`domain::Word`] enum can be one; see `label.rs` for how a type of the domain becomes
/// a label.
pub trait Label: Copy + Send + Sync + 'static {
    /// Every value, in declaration order.
    const ALL: &'static [Self];
    /// The value as it appears in the exposition.
    fn as_str(self) -> &'static str;
    /// The position of this value in [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// The labels of one metric together: nothing `()`, a single [`Label`], or a tuple of them.
///
/// The product of all values is numbered from zero, so that a series is found by an index
/// instead of by comparing strings.
pub trait LabelSet: Copy + Send + Sync + 'static {
    /// How many labels there are.
    const LABELS: usize;
    /// How many combinations of values there are.
    const SERIES: usize;
    /// The number of this combination, below [`SERIES`](Self::SERIES).
    fn index(self) -> usize;
    /// The values of combination `index`, in the order of the labels.
    fn values_at(index: usize) -> Vec<&'static str>;
    /// For each label, the values it can have.
    fn domains() -> Vec<Vec<&'static str>>;
}

fn words<L: Label>() -> Vec<&'static str> {
    L::ALL.iter().map(|value| value.as_str()).collect()
}

impl LabelSet for () {
    const LABELS: usize = 0;
    const SERIES: usize = 1;
    fn index(self) -> usize {
        0
    }
    fn values_at(_: usize) -> Vec<&'static str> {
        Vec::new()
    }
    fn domains() -> Vec<Vec<&'static str>> {
        Vec::new()
    }
}

impl<A: Label> LabelSet for A {
    const LABELS: usize = 1;
    const SERIES: usize = A::ALL.len();
    fn index(self) -> usize {
        Label::index(self)
    }
    fn values_at(index: usize) -> Vec<&'static str> {
        vec![A::ALL[index].as_str()]
    }
    fn domains() -> Vec<Vec<&'static str>> {
        vec![words::<A>()]
    }
}

impl<A: Label, B: Label> LabelSet for (A, B) {
    const LABELS: usize = 2;
    const SERIES: usize = A::ALL.len() * B::ALL.len();
    fn index(self) -> usize {
        self.0.index() * B::ALL.len() + self.1.index()
    }
    fn values_at(index: usize) -> Vec<&'static str> {
        vec![
            A::ALL[index / B::ALL.len()].as_str(),
            B::ALL[index % B::ALL.len()].as_str(),
        ]
    }
    fn domains() -> Vec<Vec<&'static str>> {
        vec![words::<A>(), words::<B>()]
    }
}

impl<A: Label, B: Label, C: Label> LabelSet for (A, B, C) {
    const LABELS: usize = 3;
    const SERIES: usize = A::ALL.len() * B::ALL.len() * C::ALL.len();
    fn index(self) -> usize {
        (self.0, self.1).index() * C::ALL.len() + self.2.index()
    }
    fn values_at(index: usize) -> Vec<&'static str> {
        let mut values = <(A, B)>::values_at(index / C::ALL.len());
        values.push(C::ALL[index % C::ALL.len()].as_str());
        values
    }
    fn domains() -> Vec<Vec<&'static str>> {
        vec![words::<A>(), words::<B>(), words::<C>()]
    }
}

/// Makes enums that are [`domain::Word`]s usable as labels. They have no fields and declare
/// `ALL` in the order of their variants, so the discriminant is the index.
macro_rules! label_from_word {
    ($($name:ty),+ $(,)?) => {
        $(impl $crate::metrics::Label for $name {
            const ALL: &'static [Self] = <$name as domain::Word>::ALL;
            fn as_str(self) -> &'static str {
                domain::Word::as_str(self)
            }
            fn index(self) -> usize {
                self as usize
            }
        })+
    };
}

/// Declares an enum that is a label.
macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl domain::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = <Self as domain::Word>::ALL;

            /// The fixed word for this value: the same in metrics, logs and audit.
            #[must_use]
            pub fn as_str(self) -> &'static str { domain::Word::as_str(self) }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $crate::metrics::label::label_from_word!($name);
    };
}
pub(crate) use {label, label_from_word};

label_from_word!(domain::GrantType, domain::AuditAction, domain::BackendKind);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels::{RevocationHalf, RevocationPath};
    use domain::{AuditAction, GrantType};

    #[test]
    fn the_index_of_a_label_is_its_position() {
        for (position, value) in <AuditAction as Label>::ALL.iter().enumerate() {
            assert_eq!(Label::index(*value), position);
        }
        for (position, value) in <GrantType as Label>::ALL.iter().enumerate() {
            assert_eq!(Label::index(*value), position);
        }
    }

    #[test]
    fn the_product_of_two_labels_is_numbered_without_gaps() {
        type Both = (RevocationPath, RevocationHalf);
        let mut seen = Vec::new();
        for path in RevocationPath::ALL {
            for half in RevocationHalf::ALL {
                let index = LabelSet::index((*path, *half));
                assert_eq!(Both::values_at(index), [path.as_str(), half.as_str()]);
                seen.push(index);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..Both::SERIES).collect::<Vec<_>>());
    }
}
