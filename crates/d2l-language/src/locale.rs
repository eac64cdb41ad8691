//! The reader's language by the environment.

use crate::Language;

/// The variables that name the language of messages; the first that is set decides (POSIX, Base Definitions, 8.2).
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// The language of a locale such as `zh_CN.UTF-8`: Chinese if it begins with `zh`, else English. `variable` reads the
/// environment.
pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Language {
    let mut set = VARIABLES.iter().filter_map(|name| variable(name));
    match set.find(|value| !value.is_empty()) {
        Some(locale) if locale.starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Language {
        of_locale(|name| {
            let set = variables.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn the_first_variable_that_is_set_decides() {
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(
            of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]),
            Language::English
        );
        assert_eq!(
            of(&[("LANG", "de_DE"), ("LC_MESSAGES", "zh_TW")]),
            Language::Chinese
        );
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh_CN")]), Language::Chinese);
        assert_eq!(of(&[]), Language::English);
    }
}
