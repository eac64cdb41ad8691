//! Built-in names in place of the surnames: eight invented languages, each with its own syllables and endings.
//!
//! They tell the languages apart, but not always: languages share some of them. Each name has its own generator, fixed
//! for all runs.

use d2l_random::{Purpose, Stream};

use super::dice::Dice;

/// Names of each language, enough for a model to learn how they end.
const NAMES: usize = 250;

/// An invented language.
struct Language {
    name: &'static str,
    beginnings: &'static [&'static str],
    middles: &'static [&'static str],
    endings: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "Avarin",
        beginnings: &["Ava", "Ele", "Ilu", "Oma", "Ura", "Ise"],
        middles: &["la", "ri", "mo", "ne"],
        endings: &["rin", "lin", "nia", "mio"],
    },
    Language {
        name: "Brock",
        beginnings: &["Brock", "Dunn", "Garr", "Holt", "Thorn", "Wick"],
        middles: &["er", "ing", "en"],
        endings: &["ton", "ford", "well", "by"],
    },
    Language {
        name: "Chenui",
        beginnings: &["Che", "Lu", "Xia", "Wo", "Zhu", "Mei"],
        middles: &["n", "ng"],
        endings: &["", "ui", "ao"],
    },
    Language {
        name: "Dravek",
        beginnings: &["Dra", "Kov", "Mil", "Stan", "Vol", "Zub"],
        middles: &["o", "i", "e", "ar"],
        endings: &["vek", "vsky", "chenko", "nov"],
    },
    Language {
        name: "Fjalt",
        beginnings: &["Bjor", "Fjal", "Hald", "Kjel", "Sig", "Tor"],
        middles: &["un", "ge", "r"],
        endings: &["sen", "gaard", "strom", "dal"],
    },
    Language {
        name: "Kalanu",
        beginnings: &["Ka", "Ma", "Na", "Po", "Wai", "Hu"],
        middles: &["la", "ka", "ni", "mo", "lu"],
        endings: &["nu", "loa", "kai", "pele"],
    },
    Language {
        name: "Oreste",
        beginnings: &["Bel", "Cas", "Mon", "Ros", "San", "Ver"],
        middles: &["ti", "ta", "li", "et"],
        endings: &["ini", "ello", "etti", "one"],
    },
    Language {
        name: "Quiroz",
        beginnings: &["Alva", "Fer", "Gon", "Mar", "Qui", "Rod"],
        middles: &["ri", "na", "ti", "za"],
        endings: &["ez", "oz", "uez", "ado"],
    },
];

/// The files that such a set would have: a language, and its names one a line.
pub(crate) fn names() -> Vec<(&'static str, String)> {
    let languages = LANGUAGES.iter();
    languages
        .map(|language| (language.name, list(language)))
        .collect()
}

fn list(language: &Language) -> String {
    (0..NAMES)
        .map(|number| {
            let stream = Stream {
                step: number,
                ..Stream::once(0, Purpose::Data, language.name)
            };
            name(language, &mut Dice(stream.rng())) + "\n"
        })
        .collect()
}

/// A beginning, one middle or two, an ending.
fn name(language: &Language, dice: &mut Dice) -> String {
    let mut name = dice.pick(language.beginnings).to_string();
    name += dice.pick(language.middles);
    if dice.chance(30.0) {
        name += dice.pick(language.middles);
    }
    name + dice.pick(language.endings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_the_same_every_time_and_of_many_forms() {
        let files = names();
        assert_eq!(files, names());
        for (language, list) in files {
            let mut names: Vec<&str> = list.lines().collect();
            assert_eq!(names.len(), NAMES, "{language}");
            names.sort_unstable();
            names.dedup();
            assert!(names.len() > 30, "{language}: {} names", names.len());
        }
    }
}
