//! Numbers that start on a cache line, so that no vector load of a panel straddles two.

use std::ops::{Deref, DerefMut};

const LINE_BYTES: usize = 64;

/// A number of values, zero at first, whose first stands on a cache line.
#[derive(Debug)]
pub struct Aligned<T> {
    /// At least one line longer than `len`; replaced and never grown, so `start` stays right.
    values: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub fn new(len: usize) -> Self {
        let values = vec![T::default(); len + LINE_BYTES / size_of::<T>()];
        let start = values.as_ptr().align_offset(LINE_BYTES);
        Self { values, start, len }
    }

    /// Makes this `len` values long; they are zero or what stood there before.
    pub fn resize(&mut self, len: usize) {
        if self.start + len <= self.values.len() {
            self.len = len;
        } else {
            *self = Self::new(len);
        }
    }
}

impl<T: Copy + Default> Default for Aligned<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.values[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.len]
    }
}
