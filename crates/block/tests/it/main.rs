//! Tests of blocks: what is written comes back, damage is refused, and little is read for little.

mod columns;
mod fields;
mod fixtures;
mod properties;
mod support;
