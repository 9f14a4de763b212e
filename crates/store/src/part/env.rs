//! Part environment: what all open parts share.

use crate::StoreError;
use crate::cache::result_cache::ResultCache;
use crate::descriptors::{CachedFile, OpenFiles};
use crate::files::Files;
use crate::part::{Part, PartMeta};
use crate::tenant_dir::TenantDir;
use skald_model::Budget;
use std::path::PathBuf;
use std::sync::Arc;

/// What a part needs to be open: every part charges its directory to the budget and has its place
/// in the result cache, wherever it was opened.
#[derive(Clone, Debug)]
pub(crate) struct PartEnv {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) budget: Arc<Budget>,
    /// Results that readers cache by block.
    pub(crate) results: Arc<ResultCache>,
    /// Files of parts that are open.
    pub(crate) open_files: Arc<OpenFiles>,
}

/// Files that programs which look at parts one by one keep open.
const OFFLINE_FILES: usize = 16;

impl PartEnv {
    /// For programs that look at parts without a store: nothing bounds memory and nothing is
    /// cached.
    pub(crate) fn offline(files: Arc<dyn Files>) -> PartEnv {
        let budget = Arc::new(Budget::new(usize::MAX));
        PartEnv {
            files,
            results: Arc::new(ResultCache::new(budget.clone(), 0)),
            open_files: Arc::new(OpenFiles::new(OFFLINE_FILES)),
            budget,
        }
    }

    /// The file of a part, to be opened when it is read.
    pub(crate) fn file(&self, path: PathBuf) -> Arc<CachedFile> {
        CachedFile::new(self.files.clone(), self.open_files.clone(), path)
    }

    /// Opens parts just written.
    pub(crate) fn open_all(
        &self,
        dir: &TenantDir<'_>,
        metas: &[PartMeta],
    ) -> Result<Vec<Arc<Part>>, StoreError> {
        let open = |meta: &PartMeta| {
            Part::open(self, dir.part(meta.day, meta.id), meta.clone()).map(Arc::new)
        };
        metas.iter().map(open).collect()
    }
}
