//! The built-in text in place of The Time Machine, so that language models train before anything is downloaded.
//!
//! Its sentences come from a small grammar, in words that are common in such a story and that contain all letters. They
//! are broken into lines like those of a printed book. The sentences tell no story, and scores on them say nothing
//! about the book. Each sentence has its own generator, fixed for all runs.

use d2l_random::{Purpose, Stream};

use super::dice::Dice;

/// About as many sentences as in the book, so that both texts are equally long.
const SENTENCES: usize = 2900;
/// Largest number of letters in a line.
const WIDTH: usize = 70;

const PEOPLE: &[&str] = &[
    "the clockmaker",
    "the captain",
    "my old teacher",
    "the quiet girl",
    "the mayor",
    "a young sailor",
    "the baker",
    "her brother",
    "the judge",
    "one of the guests",
];
const ADJECTIVES: &[&str] = &[
    "old", "small", "silver", "strange", "broken", "heavy", "yellow", "frozen", "empty", "quick",
    "grey", "wooden", "exact", "hazy",
];
const THINGS: &[&str] = &[
    "engine", "lamp", "clock", "box", "ship", "letter", "wheel", "garden", "window", "map",
    "bridge", "key", "mirror", "zeppelin", "jar", "table",
];
const PLACES: &[&str] = &[
    "in the harbour",
    "behind the house",
    "under the hill",
    "at the edge of the river",
    "in the upper room",
    "near the fire",
    "beyond the valley",
    "on the square",
];
const ACTIONS: &[&str] = &[
    "opened",
    "carried",
    "watched",
    "repaired",
    "found",
    "sold",
    "forgot",
    "examined",
    "moved",
    "lifted",
    "followed",
    "believed in",
];
const SAYINGS: &[&str] = &[
    "said",
    "thought",
    "whispered",
    "explained",
    "remarked",
    "knew",
];
const TIMES: &[&str] = &[
    "In the morning",
    "That night",
    "After a while",
    "Just then",
    "For seven years",
    "When the rain came",
    "Before long",
    "At last",
];

/// The whole text: chapters with a heading, in lines.
pub(crate) fn story() -> String {
    let mut text = String::from("The Clockmaker\n");
    let mut line = String::new();
    for number in 0..SENTENCES {
        if number % 240 == 0 {
            text.push_str(&line);
            line.clear();
            text.push_str(&format!("\n\nChapter {}\n\n", number / 240 + 1));
        }
        let stream = Stream {
            step: number,
            ..Stream::once(0, Purpose::Data, "drawn-story")
        };
        for word in sentence(&mut Dice(stream.rng())).split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                text.push_str(&line);
                text.push('\n');
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    text + &line + "\n"
}

/// One sentence, with its full stop.
fn sentence(dice: &mut Dice) -> String {
    let body = match dice.pick(&[0, 1, 2, 3]) {
        0 => format!("{} {}", dice.pick(PEOPLE), deed(dice)),
        1 => format!("{}, {} {}", dice.pick(TIMES), dice.pick(PEOPLE), deed(dice)),
        2 => format!(
            "{} {} that {} {}",
            dice.pick(PEOPLE),
            dice.pick(SAYINGS),
            dice.pick(PEOPLE),
            deed(dice)
        ),
        _ => format!("there was {} {}", thing("a", dice), dice.pick(PLACES)),
    };
    let mut letters = body.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// What somebody did.
fn deed(dice: &mut Dice) -> String {
    let deed = format!("{} {}", dice.pick(ACTIONS), thing("the", dice));
    if dice.chance(45.0) {
        format!("{deed} {}", dice.pick(PLACES))
    } else {
        deed
    }
}

/// A thing with its article and sometimes an adjective.
fn thing(article: &str, dice: &mut Dice) -> String {
    let thing = dice.pick(THINGS);
    let words = if dice.chance(60.0) {
        format!("{} {thing}", dice.pick(ADJECTIVES))
    } else {
        thing.to_string()
    };
    let needs_an = article == "a" && words.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{}{} {words}", article, if needs_an { "n" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_the_same_every_time_and_fits_its_lines() {
        let text = story();
        assert_eq!(text, story());
        assert!(text.lines().all(|line| line.len() <= WIDTH));
        assert!((150_000..220_000).contains(&text.len()), "{}", text.len());
        assert!(!text.contains("a old ") && text.contains(" an old "));
        for letter in 'a'..='z' {
            assert!(text.contains(letter), "no {letter}");
        }
    }
}
