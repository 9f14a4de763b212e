//! SRV records, asked of the system's DNS servers: the one question that the system's own resolver does not
//! answer. Knows UDP, TCP for long answers, search lists and several servers; no cache, as it is asked once a
//! minute.

mod message;
mod resolver;
mod settings;

pub(crate) use resolver::Resolver;
