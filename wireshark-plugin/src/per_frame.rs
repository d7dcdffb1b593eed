// SPDX-License-Identifier: GPL-2.0-or-later
//! A value for each frame.

/// Frames whose values are kept together.
const CHUNK: usize = 4096;

/// A value for each frame, for captures in which most frames have one; `NONE` stands for no value.
pub struct PerFrame<T, const NONE: i64>(Vec<Box<[T; CHUNK]>>);

impl<T, const NONE: i64> Default for PerFrame<T, NONE> {
    fn default() -> Self {
        PerFrame(Vec::new())
    }
}

impl<T: Copy + TryFrom<i64> + Into<i64>, const NONE: i64> PerFrame<T, NONE> {
    /// Keeps a frame's value.
    pub fn set(&mut self, frame: u32, value: T) {
        let (chunk, at) = (frame as usize / CHUNK, frame as usize % CHUNK);
        let Ok(none) = T::try_from(NONE) else { return };
        while self.0.len() <= chunk {
            self.0.push(Box::new([none; CHUNK]));
        }
        self.0[chunk][at] = value;
    }

    /// A frame's value.
    pub fn get(&self, frame: u32) -> Option<T> {
        let chunk = self.0.get(frame as usize / CHUNK)?;
        Some(chunk[frame as usize % CHUNK]).filter(|&value| value.into() != NONE)
    }
}

impl PerFrame<i32, 0> {
    /// Notes that two frames belong together. Of several earlier ones the later frame keeps the last.
    pub fn join(&mut self, earlier: u32, later: u32) {
        self.set(earlier, later as i32);
        if self.get(later).is_none_or(|known| (known as u32) < earlier) {
            self.set(later, earlier as i32);
        }
    }
}
