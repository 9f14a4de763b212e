//! The environment: where queues lie, on which runtime requests are made, by which name.

use skald_wal::files::{Files, RealFiles};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// What notifying and remote writing need of the program around them.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// The folder of the queues; made when it is missing.
    pub folder: PathBuf,
    /// Runs the requests.
    pub runtime: Handle,
    /// `User-Agent` of every request.
    pub user_agent: String,
}

impl Environment {
    /// The operating system's files, and a name with this version.
    pub fn new(folder: impl Into<PathBuf>, runtime: Handle) -> Environment {
        Environment {
            files: Arc::new(RealFiles),
            folder: folder.into(),
            runtime,
            user_agent: format!("Skald/{}", env!("CARGO_PKG_VERSION")),
        }
    }
}

impl Environment {
    /// Makes a folder below that of the queues, and its name and those above it durable.
    pub(crate) fn make_folder(&self, folder: &Path) -> std::io::Result<()> {
        self.files.create_folder(folder)?;
        for above in folder.ancestors().skip(1) {
            let above_is_outside = !above.starts_with(&self.folder);
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            self.files.sync_folder(above)?;
            if above_is_outside {
                break;
            }
        }
        Ok(())
    }
}

/// Milliseconds of Unix time, now.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
