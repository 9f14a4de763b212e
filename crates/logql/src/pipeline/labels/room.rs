//! Room for labels is asked for: a label set is charged with its arena and its tables as they grow.
//!
//! Where the charge refuses, or says that the query has to end, the run is halted: nothing is stored
//! any more, parsers find nothing more to do, the line is dropped, and the run fails before its next.

use super::LabelSet;
use crate::pipeline::span::{ARENA, Span};
use skald_model::{Stop, steps};

impl LabelSet {
    /// Charges what a table of names or keys grew by.
    pub(in crate::pipeline) fn hold(&mut self, bytes: usize) {
        self.tables += bytes;
        if let Err(stop) = self.charge.add(bytes) {
            self.halt(stop);
        }
    }

    /// A table of keys is empty again.
    pub(in crate::pipeline) fn let_go(&mut self, bytes: usize) {
        self.tables = self.tables.saturating_sub(bytes);
    }

    /// Ends the run: no stage goes on with the line, and nothing is stored for it.
    fn halt(&mut self, stop: Stop) {
        self.stop.get_or_insert(stop);
        self.refuted = true;
    }

    /// Whether the run has to end, so that nothing may grow any more.
    pub(in crate::pipeline) fn is_halted(&self) -> bool {
        self.stop.is_some()
    }

    /// Fails when the run has to end; `buffers` are the bytes of the scratch's other buffers.
    #[inline]
    pub(in crate::pipeline) fn go_on(&mut self, buffers: usize) -> Result<(), Stop> {
        if let Some(stop) = self.stop.take() {
            return Err(stop);
        }
        let held = self.tables + self.arena.capacity() + buffers;
        if held == self.settled {
            return Ok(());
        }
        self.settled = held;
        self.charge.cover(held)
    }

    /// Counts bytes that stages look at; false when the query has to end.
    #[inline]
    pub(in crate::pipeline) fn work(&mut self, bytes: usize) -> bool {
        self.charge
            .work(bytes)
            .map_err(|stop| self.halt(stop))
            .is_ok()
    }

    /// Whether the arena has room for this many bytes more; the run ends where it has not.
    #[inline]
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.stop.is_some() {
            return false;
        }
        let reserved = self.charge.reserve(&mut self.arena, bytes);
        // Spans count in 32 bits.
        let fits = match u32::try_from(self.arena.len() + bytes) {
            Ok(_) => reserved,
            Err(_) => reserved.and(Err(Stop::Memory(u32::MAX as usize))),
        };
        fits.map_err(|stop| self.halt(stop)).is_ok()
    }

    /// Copies bytes into the arena, mended to UTF-8.
    pub(in crate::pipeline) fn store(&mut self, bytes: &[u8]) -> Span {
        steps::count(bytes.len());
        let start = self.arena.len();
        if !self.has_room(bytes.len()) {
            return self.stored_since(start);
        }
        for chunk in bytes.utf8_chunks() {
            self.arena.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                self.arena.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.stored_since(start)
    }

    /// Lets `write` append to the arena about as many bytes; what it appended must be UTF-8.
    pub(in crate::pipeline) fn store_with(
        &mut self,
        bytes: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Span {
        steps::count(bytes);
        let start = self.arena.len();
        if self.has_room(bytes) {
            write(&mut self.arena);
        }
        self.stored_since(start)
    }

    fn stored_since(&self, start: usize) -> Span {
        Span {
            source: ARENA,
            start: start as u32,
            len: (self.arena.len() - start) as u32,
        }
    }
}
