// SPDX-License-Identifier: BSD-2-Clause
//! Accounts, stalls and numbers in sentences.

pub(crate) mod note;
pub(crate) mod quantity;
pub(crate) mod sentence;
