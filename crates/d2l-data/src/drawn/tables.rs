//! Built-in sets in place of the tables: text with the columns of the published files and a plausible relation between
//! them, so that every chapter runs before anything is downloaded.
//!
//! Ranges, missing values and shares are roughly those of the real sets. The relation is a few plain formulas that were
//! made up for this workspace, so scores say nothing about the real sets. The people in the tables do not exist. Each
//! row has its own generator, fixed for all runs.

use std::fmt::Write;

use d2l_random::{Purpose, Stream};

use super::dice::Dice;
use crate::table_forms::{airfoil, diabetes, house_prices, titanic};

/// `rows` lines below `header`; `line` gives the cells of a row from its number and its dice.
fn table(
    set: &str,
    header: &str,
    rows: std::ops::Range<usize>,
    line: impl Fn(usize, &mut Dice) -> String,
) -> String {
    let mut text = header.to_string();
    for row in rows {
        let stream = Stream { step: row, ..Stream::once(0, Purpose::Data, set) };
        text.push_str(&line(row, &mut Dice(stream.rng())));
        text.push('\n');
    }
    text
}

/// Yes with probability 1 / (1 + exp(-`score`)).
fn logistic(score: f32, dice: &mut Dice) -> u8 {
    u8::from(dice.chance(100.0 / (1.0 + (-score).exp())))
}

/// A positive number around `typical`, with a long tail.
fn skewed(typical: f32, spread: f32, dice: &mut Dice) -> f32 {
    typical * dice.near(0.0, 2.0 * spread).exp()
}

/// Louder at low frequency and high speed, with a hump whose place depends on the thickness of the boundary layer.
pub(crate) fn airfoils() -> String {
    table("drawn-airfoils", "", 0..airfoil::ROWS, |_, dice| {
        let octave = dice.near(0.9, 6.0).round().clamp(-2.0, 4.0); // 250 Hz to 16 kHz
        let frequency = (1000.0 * octave.exp2()).round();
        let angle = dice.between(0.0, 16.0);
        let chord = dice.pick(&[0.0254, 0.0508, 0.1016, 0.1524, 0.2286, 0.3048]);
        let speed = dice.pick(&[31.7, 39.6, 55.5, 71.3]);
        let thickness = 0.04 * chord * (0.08 * angle).exp() * dice.between(0.8, 1.2);
        let hump = octave - 0.2 + 0.8 * (thickness / 0.009).ln();
        let sound = 131.0 - 0.7 * hump * hump - 0.3 * angle - 25.0 * chord
            + 0.09 * (speed - 50.0)
            + dice.near(0.0, 9.0);
        format!("{frequency}\t{angle:.1}\t{chord}\t{speed}\t{thickness:.6}\t{sound:.3}")
    })
}

/// A patient's eight features and label; 0 for a value that was not measured.
fn patient(dice: &mut Dice) -> ([f32; 8], u8) {
    let age = (21.0 + skewed(8.0, 1.2, dice)).min(81.0).round();
    let pregnancies = (dice.between(0.0, 0.35) * (age - 18.0)).min(17.0).round();
    let glucose = dice.near(121.0, 85.0).round();
    let pressure = dice.near(60.0 + 0.35 * age, 35.0).round();
    let bmi = dice.near(32.4, 20.0);
    let skin = dice.near(0.9 * bmi, 24.0).max(7.0).round();
    let insulin = skewed(0.01 * glucose * glucose, 0.8, dice).round();
    let pedigree = skewed(0.4, 0.9, dice);
    let score = 0.04 * (glucose - 121.0)
        + 0.1 * (bmi - 32.4)
        + 0.03 * (age - 33.0)
        + 0.9 * (pedigree - 0.47)
        + 0.07 * pregnancies
        - 1.2;
    let label = logistic(score, dice);
    let mut features = [
        pregnancies,
        glucose,
        pressure,
        skin,
        insulin,
        bmi,
        pedigree,
        age,
    ];
    // Percent of missing values, as in the real set.
    for (feature, gaps) in features[1..6].iter_mut().zip([0.7, 4.6, 29.6, 48.7, 1.4]) {
        if dice.chance(gaps) {
            *feature = 0.0;
        }
    }
    (features, label)
}

/// Diabetes becomes likelier with glucose, body mass index, age, family and pregnancies.
pub(crate) fn patients() -> String {
    table("drawn-patients", "", 0..diabetes::ROWS[0], |_, dice| {
        let (
            [
                pregnancies,
                glucose,
                pressure,
                skin,
                insulin,
                bmi,
                pedigree,
                age,
            ],
            label,
        ) = patient(dice);
        format!(
            "{pregnancies},{glucose},{pressure},{skin},{insulin},{bmi:.1},{pedigree:.3},{age},{label}"
        )
    })
}

/// The first rows of [`patients`] in the form of the courses' file: between -1 and 1, the smallest value 0, the label
/// inverted.
pub(crate) fn scaled_patients() -> String {
    /// The smallest and the largest value that [`patient`] gives, roughly.
    const RANGES: [(f32, f32); 8] = [
        (0.0, 17.0),
        (0.0, 206.0),
        (0.0, 123.0),
        (0.0, 70.0),
        (0.0, 2200.0),
        (0.0, 52.5),
        (0.06, 2.5),
        (21.0, 81.0),
    ];
    table("drawn-patients", "", 0..diabetes::ROWS[1], |_, dice| {
        let (features, label) = patient(dice);
        let mut line = String::new();
        for (value, (low, high)) in features.into_iter().zip(RANGES) {
            let scaled = 2.0 * (value - low) / (high - low) - 1.0;
            let cell = if scaled <= -1.0 { 0.0 } else { scaled.min(1.0) };
            let _ = write!(line, "{cell:.6},"); // writing to a string cannot fail
        }
        format!("{line}{}", 1 - label)
    })
}

/// Women, children and the first class survive more often; large families less.
pub(crate) fn passengers() -> String {
    let header = titanic::COLUMNS.join(",") + "\n";
    table(
        "drawn-passengers",
        &header,
        0..titanic::ROWS,
        |row, dice| {
            let class = dice.pick(&[1, 1, 2, 2, 3, 3, 3, 3, 3]);
            let female = dice.chance(35.0);
            let age = dice.near(41.0 - 5.0 * class as f32, 34.0).max(0.5).round();
            let (siblings, parents) = (
                dice.pick(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 3]),
                dice.pick(&[0, 0, 0, 0, 0, 1, 2]),
            );
            let fare = skewed([55.0, 15.0, 8.0][class - 1], 0.5, dice) * (1 + siblings) as f32;
            let port = dice.pick(&["S", "S", "S", "S", "S", "S", "S", "C", "C", "Q"]);
            let score = 3.1 * f32::from(u8::from(female))
                - 1.1 * (class as f32 - 2.3)
                - 0.035 * (age - 30.0)
                - 0.35 * siblings as f32
                - 1.7;
            let survived = logistic(score, dice);
            let known = dice.chance(if survived == 1 { 85.0 } else { 77.0 });
            let age = if known {
                age.to_string()
            } else {
                String::new()
            };
            let port = if dice.chance(0.3) { "" } else { port };
            let (id, sex) = (row + 1, if female { "female" } else { "male" });
            format!(
                "{id},{survived},{class},\"Passenger {id}, drawn\",{sex},{age},{siblings},{parents},{id},{fare:.2},,{port}"
            )
        },
    )
}

/// Neighbourhoods and the factor by which a house is dearer there.
const NEIGHBOURHOODS: [(&str, f32); 8] = [
    ("Brook", 1.1),
    ("Church", 0.95),
    ("Harbor", 1.25),
    ("Hill", 1.15),
    ("Mill", 0.85),
    ("North", 1.0),
    ("Oak", 1.05),
    ("Rail", 0.8),
];

/// The training file, then the test file. A price is a sum over area, quality, basement, garage and lot. It rises in
/// some neighbourhoods, falls with age, and has a random part.
pub(crate) fn houses() -> [String; 2] {
    let columns = "MSSubClass,MSZoning,LotFrontage,LotArea,Alley,Neighborhood,HouseStyle,OverallQual,OverallCond,\
                   YearBuilt,MasVnrType,MasVnrArea,ExterQual,TotalBsmtSF,CentralAir,GrLivArea,FullBath,GarageType,\
                   GarageArea,YrSold";
    let (id, price, [train, test]) = (house_prices::ID, house_prices::PRICE, house_prices::ROWS);
    let house = |priced: bool| move |row: usize, dice: &mut Dice| house(row + 1, priced, dice);
    [
        table(
            "drawn-houses",
            &format!("{id},{columns},{price}\n"),
            0..train,
            house(true),
        ),
        table(
            "drawn-houses",
            &format!("{id},{columns}\n"),
            train..train + test,
            house(false),
        ),
    ]
}

fn house(id: usize, priced: bool, dice: &mut Dice) -> String {
    let (neighbourhood, factor) = dice.pick(&NEIGHBOURHOODS);
    let (sold, built) = (
        dice.pick(&[2006, 2007, 2008, 2009, 2010]),
        (2006.0 - dice.between(0.0, 10.0).powi(2)).round(),
    );
    let quality = dice
        .near(3.9 + (built - 1900.0) / 35.0 + 3.0 * (factor - 1.0), 4.0)
        .clamp(1.0, 10.0)
        .round();
    let condition = dice.near(5.6, 4.0).clamp(1.0, 9.0).round();
    let storeys = dice.pick(&[1.0, 1.0, 2.0]);
    let area = skewed(780.0 + 90.0 * quality, 0.35, dice).round() * (0.75 + 0.25 * storeys);
    let below = if dice.chance(97.0) {
        area / storeys
    } else {
        0.0
    };
    let basement = (below * dice.between(0.7, 1.1)).round();
    let lot = skewed(9500.0, 0.6, dice).round();
    let cars = dice.pick(&[0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0]);
    let air = dice.pick(&["Y", "Y", "Y", "Y", "Y", "Y", "Y", "N"]);
    let rooms = 55.0 * area + 25.0 * basement + 1.5 * lot;
    let rest = 15000.0 * quality + 4000.0 * condition + 9000.0 * cars;
    let newness = 1.0 - 0.0025 * (sold as f32 - built);
    let comfort = if air == "Y" { 1.0 } else { 0.9 };
    let luck = dice.near(0.0, 0.3).exp();
    let price = (rooms + rest - 60000.0) * factor * newness * comfort * luck;

    let known = |text: String, known| if known { text } else { "NA".to_string() };
    let frontage = known(((lot / 140.0).round()).to_string(), dice.chance(83.0));
    let alley = known(dice.pick(&["Grvl", "Pave"]).to_string(), dice.chance(7.0));
    let veneer = dice.pick(&["None", "None", "None", "BrkFace", "BrkFace", "Stone"]);
    let veneered = f32::from(u8::from(veneer != "None")) * skewed(180.0, 0.6, dice).round();
    let veneer = known(format!("{veneer},{veneered}"), dice.chance(99.0)).replace("NA", "NA,NA");
    let garage = known(
        dice.pick(&["Attchd", "Attchd", "Detchd"]).to_string(),
        cars > 0.0,
    );
    let finish = match quality as usize {
        0..=6 => "TA",
        7..=8 => "Gd",
        _ => "Ex",
    };
    let (subclass, zone) = (
        dice.pick(&[20, 60, 120]),
        dice.pick(&["RL", "RL", "RL", "RM", "FV"]),
    );
    let mut line = format!(
        "{id},{subclass},{zone},{frontage},{lot},{alley},{neighbourhood},{storeys}Story,{quality},{condition},{built},\
         {veneer},{finish},{basement},{air},{},{storeys},{garage},{},{sold}",
        area.round(),
        250.0 * cars,
    );
    if priced {
        let _ = write!(line, ",{}", price.round()); // writing to a string cannot fail
    }
    line
}
