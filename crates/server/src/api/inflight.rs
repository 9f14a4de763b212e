//! `Inflight` counts a request while it is served and says whether there is room for it.

use crate::app::App;
use std::sync::Arc;

/// A request being served; a client that goes away drops it too.
pub(crate) struct Inflight {
    app: Arc<App>,
    method: String,
    route: String,
    /// Whether there is room for it.
    pub(crate) admitted: bool,
}

impl Inflight {
    pub(crate) fn new(app: Arc<App>, method: String, route: String) -> Inflight {
        let admitted = app.enter();
        app.metrics.inflight(&method, &route, 1);
        Inflight {
            app,
            method,
            route,
            admitted,
        }
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        self.app.metrics.inflight(&self.method, &self.route, -1);
        self.app.leave();
    }
}
