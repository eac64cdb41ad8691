//! Figures of the chapters as SVG files, and a line of bars for the terminal.
//!
//! | figure | shows | function |
//! |---|---|---|
//! | curves | losses and scores over the epochs of one run or of several | [`curves`], [`CurvePlot`], [`panels`] for several metrics |
//! | scatter | data points with the lines fitted to them | [`scatter_with_fit`], [`scatter`] for several sets |
//! | contours | a loss over two parameters, with the paths of optimizers on it | [`contours`] |
//! | image grid | pictures with their predicted classes, learned weights | [`image_grid`] |
//! | image rows | feature maps, a row for each layer | [`image_rows`] |
//! | heat map | confusion matrices, attention weights | [`heat_map`] |
//! | sparkline | a curve within one line of text | [`sparkline`] |
//!
//! [plotters](https://docs.rs/plotters) draws. The figures share `style` (colours, sizes and markers), `sheet` (the
//! page and its file), `axis` (tick marks), `frame` (chart and grid lines) and `legend` (the names of the lines). Each
//! figure has its own file on top of them.
//!
//! A figure is a function of its arguments: equal input gives equal bytes. It is written to a temporary file and then
//! renamed, so that nobody reads half a figure. Missing folders are created.
//!
//! ```no_run
//! use d2l_plot::{Series, curves};
//!
//! let loss = [2.3, 0.8, 0.6];
//! let train = Series {
//!     name: "train".into(),
//!     points: (1..).map(f64::from).zip(loss).collect(),
//! };
//! curves("runs/loss.svg".as_ref(), "Softmax regression", "epoch", "loss", &[train])?;
//! # Ok::<(), anyhow::Error>(())
//! ```

mod axis;
mod colour;
mod colour_bar;
mod contours;
mod curves;
mod file;
mod frame;
mod heat_map;
mod image_grid;
mod image_rows;
mod legend;
mod level;
mod names;
mod raster;
mod scatter;
mod sheet;
mod sparkline;
mod style;
mod surface;
mod text;

pub use contours::contours;
pub use curves::{AxisScale, Curve, CurvePlot, Series, curves, panels};
pub use heat_map::{Matrix, heat_map};
pub use image_grid::{Picture, Scale, image_grid};
pub use image_rows::{PictureRow, image_rows};
pub use scatter::{scatter, scatter_with_fit};
pub use sparkline::sparkline;
pub use surface::Surface;
