//! Brightness, contrast, saturation and hue of a picture of bytes, as torchvision's `adjust_…` functions change them.
//!
//! The first three mix the picture with a duller one, b + f · (x - b): with black, with its mean grey, with its own
//! greys. A factor f of 1 leaves the picture as it is, 0 gives the duller one, and above 1 the change goes the other
//! way. Hue turns every colour around the colour circle by a part of a turn.

use d2l_random::{ChaCha8Rng, Rng};

/// How far colours may change: each by a factor from 1 - value to 1 + value, hue by a turn from -value to value. The
/// four changes come in a random order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// From 0 to 1.
    pub brightness: f32,
    /// From 0 to 1.
    pub contrast: f32,
    /// From 0 to 1.
    pub saturation: f32,
    /// From 0 to ½.
    pub hue: f32,
}

impl Jitter {
    /// The book's: zh 13.1.1.2, en 14.1.1.2.
    pub const BOOK: Self = Self { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.5 };

    /// Changes the picture, planes of `shape` `[C, H, W]`, by random amounts. Grey ones have neither saturation nor
    /// hue.
    pub(super) fn apply(&self, picture: &mut [u8], shape: [usize; 3], rng: &mut ChaCha8Rng) {
        let mut order = [0, 1, 2, 3];
        for last in (1..order.len()).rev() {
            order.swap(last, rng.random_range(0..=last));
        }
        let mut about =
            |centre: f32, value: f32| centre + value * (2.0 * rng.random::<f32>() - 1.0);
        let factors = [
            about(1.0, self.brightness),
            about(1.0, self.contrast),
            about(1.0, self.saturation),
            about(0.0, self.hue),
        ];
        for step in order {
            match step {
                0 => brightness(picture, factors[0]),
                1 => contrast(picture, shape, factors[1]),
                2 => saturation(picture, shape, factors[2]),
                _ => hue(picture, shape, factors[3]),
            }
        }
    }
}

/// `adjust_brightness`: away from black, or towards it.
pub fn brightness(picture: &mut [u8], factor: f32) {
    for value in picture {
        *value = mix(0, *value, factor);
    }
}

/// `adjust_contrast`: away from the mean of its greys, or towards it.
pub fn contrast(picture: &mut [u8], shape: [usize; 3], factor: f32) {
    let pixels = (shape[1] * shape[2]).max(1);
    let sum: u64 = match planes(picture, shape) {
        Some(planes) => greys(planes).map(u64::from).sum(),
        None => picture.iter().map(|&value| u64::from(value)).sum(),
    };
    let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
    for value in picture {
        *value = mix(mean, *value, factor);
    }
}

/// `adjust_saturation`: away from its greys, or towards them. A grey picture stays as it is.
pub fn saturation(picture: &mut [u8], shape: [usize; 3], factor: f32) {
    let Some(planes) = planes(picture, shape) else {
        return;
    };
    let greys: Vec<u8> = greys(planes).collect();
    for plane in picture.chunks_exact_mut(greys.len().max(1)) {
        for (value, &grey) in plane.iter_mut().zip(&greys) {
            *value = mix(grey, *value, factor);
        }
    }
}

/// `adjust_hue`, by a part of a turn from -½ to ½. A grey picture stays as it is.
pub fn hue(picture: &mut [u8], shape: [usize; 3], turn: f32) {
    let pixels = shape[1] * shape[2];
    if planes(picture, shape).is_none() {
        return;
    }
    // Hues are bytes: a turn is 255 steps, and adding goes around at 256.
    let steps = (f64::from(turn) * 255.0) as i32 as u8;
    for pixel in 0..pixels {
        let places = [pixel, pixel + pixels, pixel + 2 * pixels];
        let [hue, saturation, value] = to_hsv(places.map(|place| picture[place]));
        let turned = to_rgb([hue.wrapping_add(steps), saturation, value]);
        for (place, part) in places.into_iter().zip(turned) {
            picture[place] = part;
        }
    }
}

/// `dull` + `factor` · (`value` - `dull`), rounded towards zero and limited to a byte.
fn mix(dull: u8, value: u8, factor: f32) -> u8 {
    let dull = f32::from(dull);
    (dull + factor * (f32::from(value) - dull)).clamp(0.0, 255.0) as u8
}

/// Red, green and blue of a picture in colour.
fn planes(picture: &[u8], [channels, height, width]: [usize; 3]) -> Option<[&[u8]; 3]> {
    let planes: Vec<&[u8]> = picture.chunks_exact((height * width).max(1)).collect();
    match planes[..] {
        [red, green, blue] if channels == 3 => Some([red, green, blue]),
        _ => None,
    }
}

/// How bright each pixel looks: 0.299 red + 0.587 green + 0.114 blue (ITU-R 601-2), in 16 binary digits.
fn greys([red, green, blue]: [&[u8]; 3]) -> impl Iterator<Item = u8> {
    red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| {
        let sum = u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471;
        ((sum + 0x8000) >> 16) as u8
    })
}

/// Hue, saturation and value of red, green and blue, each as a byte. Travis 1991; the digits are Pillow's.
fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let lack = |part: u8| f32::from(most - part) / range;
    let sixths = if red == most {
        lack(blue) - lack(green)
    } else if green == most {
        (2.0 + f64::from(lack(red)) - f64::from(lack(blue))) as f32
    } else {
        (4.0 + f64::from(lack(green)) - f64::from(lack(red))) as f32
    };
    let turns = ((f64::from(sixths) / 6.0 + 1.0) % 1.0) as f32;
    let saturation = range / f32::from(most);
    let byte = |share: f32| (f64::from(share) * 255.0) as u8;
    [byte(turns), byte(saturation), most]
}

/// The way back from [`to_hsv`].
fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let (share, bright) = (f32::from(saturation) / 255.0, f32::from(value));
    let sixths = f32::from(hue) * 6.0 / 255.0;
    let whole = sixths.floor();
    let rest = sixths - whole;
    let byte = |part: f32| (bright * (1.0 - part)).round() as u8;
    let (low, falling, rising) = (byte(share), byte(share * rest), byte(share * (1.0 - rest)));
    match whole as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
