// SPDX-License-Identifier: BSD-2-Clause
//! The severity of a message.

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something was lost or does not work.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Of interest to an operator.
    Info,
}

impl Level {
    /// syslog(3)'s severity: LOG_ERR, LOG_WARNING or LOG_INFO.
    pub fn severity(self) -> u8 {
        match self {
            Level::Error => 3,
            Level::Warning => 4,
            Level::Info => 6,
        }
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
        }
    }
}
