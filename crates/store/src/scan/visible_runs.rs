//! Visible runs are the runs of a piece that no delete and no expiry hides whole.

use crate::PieceRun;
use crate::deletes::visibility::{SourceVisibility, VisibilityCache, Visible};
use crate::scan::piece::HiddenRun;
use skald_model::SelectedStream;

/// The runs of a piece of which something is to be visible.
pub(crate) struct VisibleRuns<'a> {
    visibility: VisibilityCache<'a>,
    pub(crate) runs: Vec<PieceRun>,
    pub(crate) hidden: Vec<HiddenRun>,
}

impl<'a> VisibleRuns<'a> {
    pub(crate) fn new(visibility: SourceVisibility<'a>) -> VisibleRuns<'a> {
        VisibleRuns {
            visibility: VisibilityCache::new(visibility),
            runs: Vec::new(),
            hidden: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, mut run: PieceRun, streams: &[SelectedStream]) {
        let labels = || streams[run.stream as usize].labels.clone();
        match self
            .visibility
            .of_run(run.stream, labels, (run.min_time, run.max_time))
        {
            Visible::None => return,
            Visible::All => {}
            Visible::Some(visibility) => {
                run.whole = false;
                self.hidden.push(HiddenRun {
                    run: self.runs.len(),
                    visibility,
                });
            }
        }
        self.runs.push(run);
    }
}
