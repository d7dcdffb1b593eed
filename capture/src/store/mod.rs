// SPDX-License-Identifier: BSD-2-Clause
//! The output folder: files that grow, are completed, are found again after a kill, are deleted.

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
