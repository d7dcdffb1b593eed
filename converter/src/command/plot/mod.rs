// SPDX-License-Identifier: BSD-2-Clause
//! `bblog plot`: the pictures of the selected connections, in one file.

mod bands;
mod connection;
mod gather;
mod transmissions;
mod values;

use std::io::{self, Write};
use std::path::Path;

use bblog_dissector::counted::Counted;
use bblog_pcapng::WriteError;

use crate::input::Inputs;
use crate::input::error::OnError;
use crate::output::error::OutputError;
use crate::output::{Destination, Output};
use crate::picture::model::ConnectionPicture;
use crate::picture::png::PngError;
use crate::picture::svg::{self, StillSize};
use crate::picture::{html, perfetto, png, xpl};
use crate::select::Selection;

pub use self::gather::{Pictures, gather};

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureForm {
    /// A page for a browser, of any number of connections.
    Html,
    /// A still of one connection; without a size it has one that suits it.
    Svg(Option<StillSize>),
    /// The same as pixels.
    Png(Option<StillSize>),
    /// A file for xplot, of one connection.
    Xpl,
    /// A trace for Perfetto, of any number of connections.
    Perfetto,
}

/// What keeps a picture from being made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// No event was selected, or none is of a connection.
    #[error("nothing to plot: no event of a connection among {} selected", Counted(*.0, "event"))]
    Nothing(u64),
    /// The form shows one connection, and there are more.
    #[error("{0} connections, and this format shows one: select it by --connection, or plot html")]
    TooMany(usize),
    /// The panels do not fit.
    #[error("--size: {}x{} is too small, expected at least {}x{}", .0.width, .0.height, .1.width, .1.height)]
    Size(StillSize, StillSize),
    /// The library cannot draw it.
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),
    /// The pixels cannot be made.
    #[error(transparent)]
    Png(#[from] PngError),
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Makes the picture of what `selection` selects of `inputs`. Returns the number of connections that were left out,
/// for want of room.
///
/// # Errors
/// [`PlotError`]; no file is left then.
pub fn plot(
    inputs: &Inputs,
    selection: &mut Selection,
    form: PictureForm,
    destination: &Destination,
    on_error: &mut OnError<'_>,
) -> Result<usize, PlotError> {
    Output::check(destination)?;
    let Pictures { connections: pictures, events, left_out } = gather(inputs, selection, on_error);
    if pictures.is_empty() {
        return Err(PlotError::Nothing(events));
    }
    match form {
        PictureForm::Html => write(destination, |out| html::write(&pictures, out)),
        PictureForm::Perfetto => write(destination, |out| perfetto::write(&pictures, out)),
        PictureForm::Xpl => {
            let picture = only(&pictures)?;
            write(destination, |out| xpl::write(picture, out))
        }
        PictureForm::Svg(size) => {
            let still = still(&pictures, size)?;
            write(destination, |out| out.write_all(still.as_bytes()))
        }
        PictureForm::Png(size) => {
            let still = png::render(&still(&pictures, size)?)?;
            write(destination, |out| out.write_all(&still))
        }
    }?;
    Ok(left_out)
}

fn only(pictures: &[ConnectionPicture]) -> Result<&ConnectionPicture, PlotError> {
    match pictures {
        [picture] => Ok(picture),
        _ => Err(PlotError::TooMany(pictures.len())),
    }
}

fn still(pictures: &[ConnectionPicture], size: Option<StillSize>) -> Result<String, PlotError> {
    let picture = only(pictures)?;
    let size = size.unwrap_or_else(|| svg::natural(picture));
    let smallest = svg::smallest(picture, size.width);
    if size.width < smallest.width || size.height < smallest.height {
        return Err(PlotError::Size(size, smallest));
    }
    svg::draw(picture, size).map_err(|error| PlotError::Draw(error.to_string()))
}

fn write(
    destination: &Destination,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), PlotError> {
    let mut output = Output::create(destination)?;
    fill(&mut output).map_err(|error| Output::error(&destination.path, WriteError::Io(error)))?;
    Ok(output.commit()?)
}

/// The form that the ending of `path` names; `None` if it names none.
pub fn form_of(path: &Path, size: Option<StillSize>) -> Option<PictureForm> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "html" | "htm" => Some(PictureForm::Html),
        "svg" => Some(PictureForm::Svg(size)),
        "png" => Some(PictureForm::Png(size)),
        "xpl" => Some(PictureForm::Xpl),
        _ => None,
    }
}
