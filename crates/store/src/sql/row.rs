//! Rows, and what they become.

use super::value::{Column, ValueRef};
use crate::{Result, StoreError};

/// A row as a driver gives it.
pub(crate) trait Row {
    /// The value in this column, counted from zero.
    fn value(&self, column: usize) -> Result<ValueRef<'_>>;
}

/// The columns of a row, read one after the other.
pub(crate) struct Columns<'r> {
    row: &'r dyn Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub fn of(row: &'r dyn Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next value.
    fn one<T: Column>(&mut self) -> Result<T> {
        let column = self.next;
        self.next += 1;
        T::get(self.row.value(column)?).ok_or_else(|| {
            let kind = std::any::type_name::<T>();
            StoreError::Corrupt(format!("column {} is no {kind}", column + 1))
        })
    }
}

/// What can be read from the next columns of a row.
pub(crate) trait FromRow: Sized {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self>;
}

impl<T: Column> FromRow for T {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self> {
        columns.one()
    }
}

macro_rules! tuples {
    ($(($($part:ident),+))+) => {$(
        impl<$($part: FromRow),+> FromRow for ($($part,)+) {
            fn from_row(columns: &mut Columns<'_>) -> Result<Self> {
                Ok(($($part::from_row(columns)?,)+))
            }
        }
    )+};
}
tuples! { (A, B) (A, B, C) (A, B, C, D) }
