// SPDX-License-Identifier: BSD-2-Clause
//! The still of [`svg`](super::svg) as PNG. The letters come from two fonts that are part of the program, so that
//! the picture is the same on every machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

const FONTS: [&[u8]; 2] =
    [include_bytes!("fonts/DejaVuSans.ttf"), include_bytes!("fonts/DejaVuSans-Bold.ttf")];

/// What keeps a still from becoming PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The library cannot read the SVG.
    #[error("the picture cannot be drawn: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// No memory for so many pixels, or none of them.
    #[error("no picture can have {width} x {height} pixels")]
    Size {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
    },
    /// The library cannot encode the pixels.
    #[error("the picture cannot be encoded: {0}")]
    Encode(String),
}

/// Renders `svg`.
///
/// # Errors
/// [`PngError`].
pub fn render(svg: &str) -> Result<Vec<u8>, PngError> {
    let mut options = Options { font_family: "DejaVu Sans".to_owned(), ..Options::default() };
    FONTS.into_iter().for_each(|font| options.fontdb_mut().load_font_data(font.to_vec()));
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width(), size.height());
    let mut pixels = Pixmap::new(width, height).ok_or(PngError::Size { width, height })?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}
