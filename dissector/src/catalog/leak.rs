// SPDX-License-Identifier: BSD-2-Clause
//! Text that lives as long as the process.

/// A copy of `text` that is never freed; see the [module](super)'s documentation.
pub(super) fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}
