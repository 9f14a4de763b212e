//! A small cache remembers recent texts of a block, so that repeats are not hashed again.

use std::ops::Range;

/// Texts and pieces of lines that were met recently.
#[derive(Debug)]
pub(super) struct Recent {
    /// Texts of four bytes. No slot is free of zeros by chance: see [`Recent::insert_text`].
    texts: Box<[u32; 1 << TEXT_SLOT_BITS]>,
    /// Pieces without digits.
    pub(super) pieces: Pieces,
    /// Words with digits, likewise.
    pub(super) words: Pieces,
}

/// Pieces of the lines by where they lie; an unused slot is an empty piece.
pub(super) type Pieces = Box<[(u32, u32); 1 << PIECE_SLOT_BITS]>;

/// Odd, so that no bits of a piece get lost.
const PIECE_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

const TEXT_SLOT_BITS: u32 = 12;
const PIECE_SLOT_BITS: u32 = 12;

impl Default for Recent {
    fn default() -> Recent {
        let unused = || Box::new([(0, 0); 1 << PIECE_SLOT_BITS]);
        Recent {
            texts: Box::new([0; 1 << TEXT_SLOT_BITS]),
            pieces: unused(),
            words: unused(),
        }
    }
}

impl Recent {
    /// Whether the text was not there. Four zero bytes are always new, as an empty slot looks like
    /// them.
    pub(super) fn insert_text(&mut self, exact: u32) -> bool {
        let slot =
            &mut self.texts[(exact.wrapping_mul(0x9e37_79b1) >> (32 - TEXT_SLOT_BITS)) as usize];
        let is_new = *slot != exact || exact == 0;
        *slot = exact;
        is_new
    }

    /// Forgets all: the next lines are others.
    pub(super) fn clear(&mut self) {
        self.texts.fill(0);
        self.pieces.fill((0, 0));
        self.words.fill((0, 0));
    }
}

/// Whether the piece was not there, by its bytes; it is now.
pub(super) fn insert_piece(pieces: &mut Pieces, lines: &[u8], piece: Range<usize>) -> bool {
    let bytes = &lines[piece.clone()];
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return true;
    };
    let mixed = u64::from_le_bytes(*first)
        ^ u64::from_le_bytes(*last).rotate_left(23)
        ^ (bytes.len() as u64) << 57;
    let slot = &mut pieces[(mixed.wrapping_mul(PIECE_FACTOR) >> (64 - PIECE_SLOT_BITS)) as usize];
    let is_new = lines[slot.0 as usize..slot.1 as usize] != *bytes;
    *slot = (piece.start as u32, piece.end as u32);
    is_new
}
