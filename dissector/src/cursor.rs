// SPDX-License-Identifier: BSD-2-Clause
//! Reads of fixed-size integers at an offset of a byte slice: total, and free of index arithmetic
//! elsewhere. A read that does not fit is `None`.

/// A view of bytes in the writer's order (little-endian: amd64 and arm64 are the writers).
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

macro_rules! reads {
    ($($name:ident $type:ty, $from:ident;)*) => {$(
        #[inline]
        pub(crate) fn $name(self, at: usize) -> Option<$type> {
            const SIZE: usize = size_of::<$type>();
            let bytes = self.0.get(at..)?.first_chunk::<SIZE>()?;
            Some(<$type>::$from(*bytes))
        }
    )*};
}

impl<'a> Cursor<'a> {
    reads! {
        u8 u8, from_le_bytes;
        u16 u16, from_le_bytes;
        u32 u32, from_le_bytes;
        u64 u64, from_le_bytes;
        i32 i32, from_le_bytes;
        i64 i64, from_le_bytes;
        be16 u16, from_be_bytes;
        be32 u32, from_be_bytes;
    }

    /// `len` bytes at `at`.
    #[inline]
    pub(crate) fn bytes(self, at: usize, len: usize) -> Option<&'a [u8]> {
        self.0.get(at..)?.get(..len)
    }

    /// A fixed array used as a C string: `len` bytes at `at`, cut at the first NUL.
    #[inline]
    pub(crate) fn text(self, at: usize, len: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes(at, len)?;
        Some(bytes.split(|&b| b == 0).next().unwrap_or(bytes))
    }
}
