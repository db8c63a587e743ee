//! Tables on a terminal.

use std::io::{self, Write};

/// Text from outside without anything that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Prints rows under their headings, each column as wide as its widest cell; the last may run on.
/// Without rows it prints `none`, which says so and what to do.
pub(super) fn print(
    out: &mut impl Write,
    headings: &[&str],
    rows: &[Vec<String>],
    none: &str,
) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "{none}");
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let width = |column: usize| {
        let widest = cells
            .iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0);
        widest.max(headings[column].chars().count())
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut line = |cells: &[String]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(
        &headings
            .iter()
            .map(|heading| heading.to_uppercase())
            .collect::<Vec<_>>(),
    )?;
    cells.iter().try_for_each(|row| line(row))
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_nothing_drives_the_terminal() {
        let mut out = Vec::new();
        let rows = [
            vec!["a".into(), "long\u{1b}[31m".into()],
            vec!["bbb".into(), "c".into()],
        ];
        super::print(&mut out, &["id", "name"], &rows, "Nothing.").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "ID   NAME\na    long\u{fffd}[31m\nbbb  c\n");
    }

    #[test]
    fn a_table_without_rows_says_so() {
        let mut out = Vec::new();
        super::print(&mut out, &["id"], &[], "Nothing.").unwrap();
        assert_eq!(out, b"Nothing.\n");
    }
}
