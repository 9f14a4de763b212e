//! Listeners on loopback: what is sent arrives in batches, whatever the frames, pauses and stops.

mod connections;
mod datagrams;
mod receiver;
