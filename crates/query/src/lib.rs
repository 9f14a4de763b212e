//! Answers questions from a store: plan, prune, fetch, evaluate, merge; budgets and statistics.
//!
//! Knows nothing of HTTP. All calls block and belong on the engine's own threads: see [`Engine::run`].

pub mod request;
pub mod stats;

pub use request::*;
pub use stats::Stats;

use skald_store::Store;
use std::sync::Arc;

/// Answers queries. Cheap to share behind an `Arc`.
pub struct Engine {
    #[allow(dead_code)]
    store: Arc<Store>,
}

impl Engine {
    /// Over a store; `clock` gives now in nanoseconds since 1970.
    pub fn new(store: Arc<Store>, _limits: QueryLimits, _clock: fn() -> i64) -> Engine {
        Engine { store }
    }

    /// Hands `job` to the engine's threads; the caller gets told through whatever `job` captures.
    pub fn run(&self, _job: impl FnOnce() + Send + 'static) {
        todo!()
    }

    /// `query_range`
    pub fn query_range(&self, _request: &RangeRequest, _cancel: &Cancel) -> Result<Answer, QueryError> {
        todo!()
    }

    /// `query`
    pub fn query_instant(&self, _request: &InstantRequest, _cancel: &Cancel) -> Result<Answer, QueryError> {
        todo!()
    }

    /// `labels`
    pub fn label_names(&self, _request: &MetadataRequest) -> Result<Vec<String>, QueryError> {
        todo!()
    }

    /// `label/{name}/values`
    pub fn label_values(&self, _name: &str, _request: &MetadataRequest) -> Result<Vec<String>, QueryError> {
        todo!()
    }

    /// `series`: one pair list a stream
    pub fn series(&self, _request: &SeriesRequest) -> Result<Vec<skald_model::Labels>, QueryError> {
        todo!()
    }

    /// `index/stats`
    pub fn index_stats(&self, _request: &MetadataRequest) -> Result<IndexStats, QueryError> {
        todo!()
    }

    /// `index/volume` (one point a series) and `index/volume_range`
    pub fn volume(&self, _request: &VolumeRequest) -> Result<Vec<VolumeSeries>, QueryError> {
        todo!()
    }

    /// `detected_labels`: label and number of values
    pub fn detected_labels(&self, _request: &MetadataRequest) -> Result<Vec<(String, u64)>, QueryError> {
        todo!()
    }

    /// `detected_fields`
    pub fn detected_fields(&self, _request: &FieldsRequest, _cancel: &Cancel) -> Result<Vec<DetectedField>, QueryError> {
        todo!()
    }

    /// `detected_field/{name}/values`
    pub fn detected_field_values(
        &self,
        _name: &str,
        _request: &FieldsRequest,
        _cancel: &Cancel,
    ) -> Result<Vec<String>, QueryError> {
        todo!()
    }

    /// A tail's filter and formatter: what new entries become.
    pub fn tail_pipeline(&self, _query: &str, _categorize: bool) -> Result<TailPipeline, QueryError> {
        todo!()
    }
}
