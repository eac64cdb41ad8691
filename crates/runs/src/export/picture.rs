//! SVG figures as PNG, which is what TensorBoard shows.

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Pixels per unit of the SVG, so that text is sharp.
const SCALE: f32 = 2.0;

/// Draws figures with the fonts of this machine.
pub(crate) struct Painter(Options<'static>);

pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) png: Vec<u8>,
}

impl Painter {
    /// Looks for fonts, which takes a while.
    pub(crate) fn new() -> Self {
        let mut options = Options::default();
        options.fontdb_mut().load_system_fonts();
        Self(options)
    }

    /// Whether texts can be drawn.
    pub(crate) fn has_fonts(&self) -> bool {
        !self.0.fontdb.is_empty()
    }

    /// # Errors
    ///
    /// If the text is no SVG, or one without a size.
    pub(crate) fn paint(&self, svg: &str) -> Result<Picture> {
        let tree = Tree::from_str(svg, &self.0)?;
        let size = tree
            .size()
            .to_int_size()
            .scale_by(SCALE)
            .context("it has no size")?;
        let (width, height) = (size.width(), size.height());
        let mut pixels = Pixmap::new(width, height).context("it has no size")?;
        resvg::render(
            &tree,
            Transform::from_scale(SCALE, SCALE),
            &mut pixels.as_mut(),
        );
        let png = pixels.encode_png()?;
        Ok(Picture { width, height, png })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_painted_at_twice_its_size() -> Result<()> {
        let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"><rect width="3" height="2" fill="#00ff00"/></svg>"##;
        let picture = Painter::new().paint(svg)?;
        assert_eq!((picture.width, picture.height), (6, 4));
        let pixels = Pixmap::decode_png(&picture.png)?;
        assert!(
            pixels
                .data()
                .chunks(4)
                .all(|pixel| pixel == [0, 255, 0, 255])
        );
        Ok(())
    }

    #[test]
    fn a_text_that_is_no_figure_is_an_error() {
        assert!(Painter::new().paint("<html></html>").is_err());
    }
}
