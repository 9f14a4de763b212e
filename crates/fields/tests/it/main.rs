//! Tests of lines that are shredded and assembled again.

mod block;
mod prefilter;
mod shred;
