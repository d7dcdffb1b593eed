// SPDX-License-Identifier: BSD-2-Clause
//! The output folder.
//!
//! [`files`] writes: it numbers files, completes them, and handles a folder that cannot be written, such as a full
//! disk. [`folder`] makes and renames them, [`index`] keeps `records`, [`compress`], `retention` and `purge` work on complete
//! files, and `recover` finishes those that a killed run left, with `salvage`, which reads them.

pub mod compress;
pub mod counters;
pub mod drops;
pub mod files;
pub mod folder;
pub mod index;
pub mod name;
mod purge;
mod recover;
mod retention;
mod salvage;
