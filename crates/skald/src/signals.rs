//! Signals end the server, make it read its files again, or change nothing.

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals whose default would be the end of the process. Scripts and old habits send them; a
/// server of logs has nothing to do for them and goes on. (A write over `ulimit -f` then fails, as
/// one on a full disk does.)
const IGNORED: [Number; 8] = [
    Number::USR1,
    Number::USR2,
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::IO,
    Number::PIPE,
    Number::XFSZ,
];

/// The signals of this process, taken from the moment this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    _ignored: Vec<Signal>,
}

impl Signals {
    /// Takes them over from the system.
    pub(crate) fn take() -> Result<Signals, String> {
        let take = |kind: SignalKind| {
            signal(kind).map_err(|error| format!("listening for signals: {error}"))
        };
        let ignored = IGNORED
            .into_iter()
            .map(|number| take(SignalKind::from_raw(number.as_raw())));
        Ok(Signals {
            _ignored: ignored.collect::<Result<_, _>>()?,
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    /// Ends when SIGTERM or SIGINT comes, or came since the last call. SIGHUPs change nothing then.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Wish::Reload {}
    }

    /// The next signal that asks for something, or one that came since the last call.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGTERM or SIGINT.
    End,
    /// SIGHUP: read files again.
    Reload,
}
