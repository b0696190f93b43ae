//! The limits that refuse calls, as label values of the metrics.

use strum::{Display, IntoStaticStr, VariantArray};

/// A limit that refuses calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LimitKind {
    /// The account's rate.
    Account,
    /// The rate of one operation.
    Operation,
    /// The provider reported too many calls.
    Provider,
    /// The account's money per hour.
    Money,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;

    #[test]
    fn every_limit_has_its_series_from_the_start() {
        assert_eq!(
            LimitKind::VARIANTS.iter().map(<&str>::from).collect::<Vec<_>>(),
            labels::LIMITS
        );
    }
}
