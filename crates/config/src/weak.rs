//! Keys that a person would try first.

/// Words of which obvious keys are made.
const WORDS: [&str; 44] = [
    "password",
    "passwd",
    "pass",
    "change",
    "changeit",
    "me",
    "it",
    "this",
    "now",
    "please",
    "admin",
    "administrator",
    "root",
    "user",
    "secret",
    "secure",
    "insecure",
    "key",
    "api",
    "token",
    "default",
    "test",
    "testing",
    "example",
    "sample",
    "demo",
    "dev",
    "development",
    "local",
    "localhost",
    "placeholder",
    "replace",
    "your",
    "my",
    "the",
    "here",
    "a",
    "authplane",
    "authserver",
    "letmein",
    "welcome",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
];

/// Fewer different characters than this are a pattern.
const FEWEST_DIFFERENT: usize = 6;

/// Whether `key` is made of few characters, of a sequence, or of words that anybody would try.
pub(crate) fn is_obvious(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    few_characters(&key) || sequential(&key) || words_alone(&key)
}

fn few_characters(key: &str) -> bool {
    let mut characters: Vec<_> = key.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.len() < FEWEST_DIFFERENT
}

/// Whether most characters follow their predecessor in the alphabet or in counting, either way.
fn sequential(key: &str) -> bool {
    let step = |pair: &[u8]| {
        let wraps = matches!(pair, b"90" | b"09" | b"za" | b"az");
        wraps || pair[0].abs_diff(pair[1]) <= 1
    };
    let pairs = key.as_bytes().windows(2);
    let steps = pairs.clone().filter(|pair| step(pair)).count();
    steps * 4 >= pairs.len() * 3
}

/// Whether the letters of `key` spell nothing but words of the list.
fn words_alone(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphabetic).collect();
    let mut reachable = vec![false; letters.len() + 1];
    reachable[0] = true;
    for start in 0..letters.len() {
        if reachable[start] {
            for word in WORDS {
                if letters[start..].starts_with(word) {
                    reachable[start + word.len()] = true;
                }
            }
        }
    }
    let digits = key.chars().filter(char::is_ascii_digit).count();
    !letters.is_empty() && reachable[letters.len()] && digits <= letters.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_would_try_first_is_obvious() {
        for key in [
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "1234567890123456",
            "abcdefghijklmnop",
            "9876543210987654",
            "0123456789abcdef",
            "passwordpassword",
            "Password-Password1!",
            "changeme-changeme",
            "CHANGE_ME_PLEASE_NOW",
            "adminadminadminadmin",
            "secret-secret-secret",
            "admin-secret-2024",
            "your-api-key-here",
            "qwertyuiopasdfghjkl",
        ] {
            assert!(is_obvious(key), "{key}");
        }
    }

    #[test]
    fn what_is_random_is_not_obvious() {
        for key in [
            "8f1d0c7be2a94356",
            "kJ8s-2hQz_4mWp9x",
            "correct horse battery staple",
            "73920518460371958264",
            "b3f0e7d2c96a418557d0f1a2b3c4d5e6f708192a3b4c5d6e",
        ] {
            assert!(!is_obvious(key), "{key}");
        }
    }
}
