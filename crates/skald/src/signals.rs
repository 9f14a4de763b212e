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

    /// Ends when SIGTERM or SIGINT comes, or came since the last call; `reload` is called for each
    /// SIGHUP until then.
    pub(crate) async fn end(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => reload(),
            }
        }
    }
}
