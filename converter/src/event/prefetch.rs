// SPDX-License-Identifier: BSD-2-Clause
//! Opens compressed inputs of a series before their turn comes, so that several are decompressed at a time.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::input::error::InputError;
use crate::input::meter::Meter;
use crate::input::{Input, InputName};
use crate::jobs::Permit;

/// An input that a thread opens and begins to decompress.
pub(super) struct Prefetch {
    opening: JoinHandle<Result<Input, InputError>>,
    permit: Permit,
}

impl Prefetch {
    /// Begins to open an input, one of `count` of the command. `None` if the system allows no thread.
    pub(super) fn begin(
        name: &InputName,
        count: usize,
        meter: &Arc<Meter>,
        permit: Permit,
    ) -> Option<Prefetch> {
        let (name, meter) = (name.clone(), Arc::clone(meter));
        let open = move || {
            let mut input = Input::open(&name, count, &meter)?;
            input.window.read_ahead();
            Ok(input)
        };
        let opening = thread::Builder::new().name("prefetch".into()).spawn(open).ok()?;
        Some(Prefetch { opening, permit })
    }

    /// The input, whose decoder goes on in a thread of its own. The permit is to be kept as long as the input.
    ///
    /// # Errors
    /// Those of [`Input::open`].
    pub(super) fn input(self) -> Result<(Input, Permit), InputError> {
        let gone = |_| InputError::at(0, io::Error::other("the thread that opens is gone"));
        Ok((self.opening.join().map_err(gone)??, self.permit))
    }
}
