// SPDX-License-Identifier: BSD-2-Clause
//! The output folder: growing, completing, recovering and deleting files.

pub mod compress;
pub mod counters;
pub mod drops;
pub mod files;
pub mod folder;
pub mod index;
pub mod name;
mod purge;
mod recover;
mod salvage;
