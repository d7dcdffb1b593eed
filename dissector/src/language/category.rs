// SPDX-License-Identifier: BSD-2-Clause
//! The categories of events: the one list that the library, the schema language and the build script share.

macro_rules! categories {
    ($($(#[$doc:meta])* $category:ident $word:literal,)*) => {
        /// What events are about, in a word: listings and Wireshark's profile colour them by it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Category {
            $($(#[$doc])* $category,)*
        }

        impl Category {
            /// All of them.
            pub const ALL: &'static [Category] = &[$(Category::$category,)*];

            /// From the word that tables and schemas use.
            pub fn from_word(word: &str) -> Option<Category> {
                Category::ALL.iter().copied().find(|category| category.word() == word)
            }

            /// The word that tables, schemas and filters use.
            pub fn word(self) -> &'static str {
                match self {
                    $(Category::$category => $word,)*
                }
            }
        }
    };
}

categories! {
    /// A segment that came or went.
    Packet "packet",
    /// Data was lost, or a timer that stands for a loss fired.
    Loss "loss",
    /// Loss recovery and its inputs: SACK, DSACK, PRR.
    Recovery "recovery",
    /// Something failed: a send, a system call, the connection.
    Failure "failure",
    /// The peer's receive window is closed or shrank.
    Window "window",
    /// Timers armed, stopped and handled.
    Timer "timer",
    /// Pacing, and why the stack stopped sending.
    Pacing "pacing",
    /// Round-trip times.
    Rtt "rtt",
    /// Congestion control and its measurements.
    Congestion "congestion",
    /// What the application did.
    Application "application",
    /// A connection or a stack begins or ends.
    Connection "connection",
    /// The stack's own bookkeeping.
    #[default]
    Detail "detail",
}
