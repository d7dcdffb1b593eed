// SPDX-License-Identifier: BSD-2-Clause
//! TCP's own terms: sequence numbers, states, timers.

pub(crate) mod seq;
pub(crate) mod state;
pub(crate) mod timer;
