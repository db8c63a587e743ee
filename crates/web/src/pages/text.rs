//! Text from strangers, made fit to stand on a page that asks for trust.

/// Longest name of a client that a page shows, in characters.
pub const NAME_LENGTH: usize = 80;

/// Longest detail of an error that a page shows, in characters.
pub const DETAIL_LENGTH: usize = 400;

/// `text` on one line, with no more than `longest` characters.
///
/// Runs of white space become one space. A character that cannot be seen, or that would
/// reorder the text around it, is shown as U+FFFD: a name must not pass for another one by
/// what the reader cannot see. The joiners U+200C and U+200D stay, because some scripts need
/// them. Escaping is left to the template.
#[must_use]
pub fn label(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        if length > 0 {
            shown.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length >= longest {
                shown.push('…');
                return shown;
            }
            shown.push(if is_deceptive(character) {
                '\u{FFFD}'
            } else {
                character
            });
            length += 1;
        }
    }
    shown
}

/// The name of a client on one line, or words in place of one that cannot be read.
#[must_use]
pub fn name_of_client(name: &str, longest: usize) -> String {
    let name = label(name, longest);
    if name.is_empty() {
        "An app without a name".to_owned()
    } else {
        name
    }
}

/// Whether `character` is invisible, blank, or changes the direction of its neighbours.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            // soft hyphen, Arabic letter mark, zero-width space, marks of direction
            '\u{00AD}' | '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            // embeddings, overrides and isolates of direction
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            // letters that are drawn as nothing
            | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}'
            | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn an_ordinary_name_is_shown_as_it_is() {
        for name in [
            "Claude Desktop",
            "Jürgens Wetter-App",
            "天気",
            "مساعد الطقس",
            "👩‍💻 Tools",
        ] {
            assert_eq!(label(name, 80), name);
        }
    }

    #[test]
    fn white_space_collapses_to_single_spaces() {
        assert_eq!(label(" a \n\n\t b\u{00A0}\u{3000}c ", 80), "a b c");
        assert_eq!(label(" \n ", 80), "");
    }

    #[test]
    fn characters_that_deceive_the_eye_are_made_visible() {
        assert_eq!(
            label("a\u{202E}b\u{200B}c\u{0007}d\u{2066}e", 80),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e"
        );
    }

    #[test]
    fn a_long_name_is_cut_at_a_whole_character() {
        assert_eq!(label("ééééé", 5), "ééééé");
        assert_eq!(label("éééééé", 5), "ééééé…");
    }
}
