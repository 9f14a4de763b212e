//! Syslog: frames of connections and datagrams, and the messages in them.
//!
//! Reads RFC 5424 and RFC 3164 in the forms that real senders give them. [`framing::Framer`] finds
//! the messages of a stream, [`parse::parse`] reads one message as it was
//! sent, and [`entry::read`] makes an entry of it. [`batch`] carries many of them in one body, as
//! [`listen`] reads them from the network. Knows nothing of tenants and of what stores an entry.
//!
//! ```
//! use skald_syslog::parse::parse;
//!
//! let message = parse(b"<34>Oct 11 22:14:15 mymachine su[7]: 'su root' failed");
//! assert_eq!(message.host, Some(&b"mymachine"[..]));
//! assert_eq!(message.app, Some(&b"su"[..]));
//! assert_eq!(message.text, b"'su root' failed");
//! ```

pub mod batch;
pub mod entry;
pub mod framing;
pub mod listen;
pub mod message;
pub mod parse;
pub mod priority;
mod rfc3164;
mod rfc5424;
pub mod structured_data;
pub mod timestamp;
pub mod zone;
