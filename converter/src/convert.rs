// SPDX-License-Identifier: BSD-2-Clause
//! The verb `convert`: inputs of any kind to one pcapng file.

use std::path::PathBuf;
use std::sync::Arc;

use bblog_pcapng::elog::empty_section;

use crate::error::{OutputError, WriteError};
use crate::gather::Gather;
use crate::input::Name;
use crate::listing::Picker;
use crate::merge::{OnFault, Stream, Turn, merge};
use crate::output::Output;
use crate::sink::Sink;
use crate::tables::Tables;

/// What to convert, and where to.
pub struct Conversion {
    /// The inputs.
    pub inputs: Vec<Name>,
    /// The output; `-` is standard output.
    pub output: PathBuf,
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
    /// What the inputs do not say themselves.
    pub tables: Arc<Tables>,
}

/// What was converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Inputs of which something could be read.
    pub inputs: usize,
    /// Records and events written.
    pub frames: u64,
    /// Section headers written.
    pub sections: u64,
}

impl Conversion {
    /// Converts. Faults of inputs go to `on_fault` and do not keep the rest from being converted;
    /// if no input can be read, no output is made.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no output either.
    pub fn run(
        &self,
        picker: Option<&mut Picker>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Converted, OutputError> {
        // Found out before anything is read, which may take long.
        Output::check(&self.output, self.overwrite)?;
        let mut streams = open(&self.inputs, &self.tables, on_fault);
        if streams.is_empty() {
            return Ok(Converted::default());
        }
        let output = Output::create(&self.output, self.overwrite)?;
        match write(&mut streams, picker, output, on_fault) {
            Ok((converted, output)) => output.commit().map(|()| converted),
            Err(error) => Err(Output::error(&self.output, error)),
        }
    }
}

/// Opens inputs as streams, each at its first frame; those that cannot be read are left out.
pub fn open(inputs: &[Name], tables: &Arc<Tables>, on_fault: &mut OnFault<'_>) -> Vec<Stream> {
    let mut streams = Vec::new();
    for (number, name) in inputs.iter().enumerate() {
        match Stream::open(name, (number, inputs.len()), tables, on_fault) {
            Ok(stream) if stream.is_readable() => streams.push(stream),
            Ok(_) => {}
            Err(fault) => on_fault(name, &fault),
        }
    }
    streams
}

/// Writes what is picked of the streams as pcapng to `out`, and gives that back.
///
/// # Errors
/// [`WriteError`].
pub fn write<G: Gather>(
    streams: &mut [Stream],
    picker: Option<&mut Picker>,
    out: G,
    on_fault: &mut OnFault<'_>,
) -> Result<(Converted, G), WriteError> {
    let mut sink = Sink::new(out);
    let frames = merge(streams, picker, on_fault, |stream, turn| match turn {
        Turn::Frame => stream.write(&mut sink),
        Turn::End => stream.finish(&mut sink),
    })?;
    if sink.sections() == 0 {
        // pcapng has no empty file: it begins with a section header.
        sink.section((0, 0), empty_section)?;
    }
    let converted = Converted { inputs: streams.len(), frames, sections: sink.sections() };
    Ok((converted, sink.into_inner()))
}
