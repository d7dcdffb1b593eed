// SPDX-License-Identifier: BSD-2-Clause
//! The words that tables and schemas are written in. The build script, which compiles `tables/`, and
//! [`schema`](crate::schema), which reads schemas at run time, share these files.

pub(crate) mod category;
pub mod condition;
pub mod sentence;
pub(crate) mod unit;
