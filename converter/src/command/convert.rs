// SPDX-License-Identifier: BSD-2-Clause
//! `convert`: inputs of any kind to one pcapng file.

use bblog_pcapng::WriteError;
use bblog_pcapng::bblog_entry::EventForm;
use bblog_pcapng::elog::empty_section;

use crate::buffered_sink::BufferedSink;
use crate::frame::sink::{InputSection, PcapngSink};
use crate::frame::stream::{FrameStream, FrameTurn, MergedFrames};
use crate::input::Inputs;
use crate::input::error::OnError;
use crate::output::error::OutputError;
use crate::output::{Destination, Output};
use crate::select::walk::Picker;

/// What to convert, and where to.
pub struct Conversion {
    /// What is read.
    pub inputs: Inputs,
    /// Where the file goes.
    pub output: Destination,
    /// The form of records of BBLog streams.
    pub form: EventForm,
}

/// What was converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Inputs that could be read, in part at least.
    pub inputs: usize,
    /// Records and events written.
    pub frames: u64,
    /// Section headers written.
    pub sections: u64,
}

impl Conversion {
    /// Converts. Errors of inputs go to `on_error` and do not keep the rest from being converted;
    /// if no input can be read, no output is made.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no output either.
    pub fn run(
        &self,
        picker: Option<&mut Picker>,
        on_error: &mut OnError<'_>,
    ) -> Result<Converted, OutputError> {
        // Found out before anything is read, which may take long.
        Output::check(&self.output)?;
        let mut frames = open(&self.inputs, on_error);
        if frames.is_empty() {
            return Ok(Converted::default());
        }
        let output = Output::create(&self.output)?;
        let sink = PcapngSink::new(output).in_form(self.form);
        match write_to(&mut frames, picker, sink, on_error) {
            Ok((converted, output)) => output.commit().map(|()| converted),
            Err(error) => Err(Output::error(&self.output.path, error)),
        }
    }
}

/// Opens inputs, each at its first frame; those that cannot be read, and those that have
/// nothing to write, are left out.
pub fn open(inputs: &Inputs, on_error: &mut OnError<'_>) -> MergedFrames {
    let mut frames = MergedFrames::open(inputs, on_error);
    frames.retain(FrameStream::is_readable);
    frames
}

/// Writes what is picked of the frames as pcapng to `out`, and gives that back.
///
/// # Errors
/// [`WriteError`].
pub fn write<G: BufferedSink>(
    frames: &mut MergedFrames,
    picker: Option<&mut Picker>,
    out: G,
    on_error: &mut OnError<'_>,
) -> Result<(Converted, G), WriteError> {
    write_to(frames, picker, PcapngSink::new(out), on_error)
}

fn write_to<G: BufferedSink>(
    frames: &mut MergedFrames,
    picker: Option<&mut Picker>,
    mut sink: PcapngSink<G>,
    on_error: &mut OnError<'_>,
) -> Result<(Converted, G), WriteError> {
    let written = frames.each(picker, on_error, |stream, turn| match turn {
        FrameTurn::Frame => stream.write(&mut sink),
        FrameTurn::PassedOver => Ok(()),
        FrameTurn::Pause => Ok(sink.get_mut().show()?),
        FrameTurn::End => stream.finish(&mut sink),
    })?;
    if sink.sections() == 0 {
        // pcapng has no empty file: it begins with a section header.
        sink.section(InputSection { input: 0, section: 0 }, empty_section)?;
    }
    let converted = Converted { inputs: frames.len(), frames: written, sections: sink.sections() };
    Ok((converted, sink.into_inner()))
}
