//! The engine: one method for each kind of question, over a store and a pool of threads.
//!
//! A log or metric query goes down once ([`Parsed`] is compiled and planned), is executed, and goes
//! up once through `response`.

use crate::answer::{Answer, DetectedField, IndexStats, Page, PatternsAnswer, VolumeSeries};
use crate::error::QueryError;
use crate::exec::context::Context;
use crate::exec::interrupt::Interrupt;
use crate::exec::log::plan::LogPlan;
use crate::exec::{log, metric};
use crate::limits::{Cancel, QueryLimits};
use crate::metadata::{detected_fields, empty_hint, index_stats, labels, patterns, volume};
use crate::multi_tenant::Source;
use crate::parsed::{OnError, Parsed};
use crate::request::{
    Caching, FieldsRequest, HintRequest, InstantRequest, Labelling, MetadataRequest,
    PatternsRequest, RangeRequest, SeriesRequest, Tenants, VolumeRequest,
};
use crate::response;
use crate::sched::pool::{Job, Pool};
use crate::tail::{self, TailPipeline};
use skald_logql::metric::Steps;
use skald_logql::typed::Query;
use skald_model::{Charge, Charged, Labels, QueryMemory, TenantId, TimeRange, re2};
use skald_store::Store;
use std::sync::Arc;
use std::time::Instant;

/// Answers queries. Cheap to clone: threads and data are shared.
#[derive(Clone)]
pub struct Engine {
    store: Arc<Store>,
    limits: QueryLimits,
    pool: Arc<Pool>,
    clock: fn() -> i64,
}

impl Engine {
    /// Over a store; `clock` gives now in nanoseconds since 1970.
    pub fn new(store: Arc<Store>, limits: QueryLimits, clock: fn() -> i64) -> Engine {
        let pool = Arc::new(Pool::start(limits.threads));
        Engine {
            store,
            limits,
            pool,
            clock,
        }
    }

    /// The same engine for a client with other limits; the number of threads stays.
    pub fn under(&self, limits: QueryLimits) -> Engine {
        Engine {
            limits,
            ..self.clone()
        }
    }

    /// Hands `job` to the engine's threads when it is the tenant's turn, unless `waiting_max` of
    /// the tenant wait already. The caller hears of its end through whatever `job` captures; a job
    /// that is cancelled may be dropped without being run.
    pub fn run(
        &self,
        tenant: &TenantId,
        cancel: &Cancel,
        waiting_max: usize,
        job: impl FnOnce() + Send + 'static,
    ) -> Result<(), QueryError> {
        let job = Job {
            tenant: tenant.clone(),
            cancel: cancel.clone(),
            run: Box::new(job),
        };
        self.pool.run(job, waiting_max)
    }

    /// Queries that have a thread, and those that wait for one.
    pub fn load(&self) -> (usize, usize) {
        self.pool.load()
    }

    /// `query_range`
    pub fn query_range(
        &self,
        request: &RangeRequest,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        let began = Instant::now();
        let context = self.context(&request.tenants, cancel, request.caching);
        let compiled = context.compiled(&request.query, request.on_error)?;
        let mut answer = match compiled.value {
            Query::Log(query) => {
                let plan = LogPlan::of_range(request, query)?;
                self.entries(&context, plan, &request.query, request.labelling)?
            }
            Query::Metric(query) => {
                let steps = Steps::range(request.start, request.end, request.step);
                let found = metric::query::execute(&context, &query, &steps)?;
                response::matrix(found, &steps, &self.limits)?
            }
        };
        answer.stats.exec_seconds = began.elapsed().as_secs_f64();
        Ok(answer)
    }

    /// `query`
    pub fn query_instant(
        &self,
        request: &InstantRequest,
        cancel: &Cancel,
    ) -> Result<Answer, QueryError> {
        let began = Instant::now();
        let context = self.context(&request.tenants, cancel, request.caching);
        let compiled = context.compiled(&request.query, request.on_error)?;
        let mut answer = match compiled.value {
            Query::Log(query) => {
                let plan = LogPlan::of_instant(request, query);
                self.entries(&context, plan, &request.query, request.labelling)?
            }
            Query::Metric(query) => {
                let steps = Steps::instant(request.time);
                let found = metric::query::execute(&context, &query, &steps)?;
                response::vector(found, request.time, &self.limits)?
            }
        };
        answer.stats.exec_seconds = began.elapsed().as_secs_f64();
        Ok(answer)
    }

    fn entries(
        &self,
        context: &Context<'_>,
        plan: LogPlan,
        query: &Parsed,
        labelling: Labelling,
    ) -> Result<Answer, QueryError> {
        let sorted = !plan.top.is_by_time();
        let (found, cursor) = log::query::execute_page(context, plan, query)?;
        response::streams(found, cursor, labelling, sorted, &self.limits)
    }

    /// The next entries of a log query in their total order, at most `limit` and about `bytes_max`
    /// bytes.
    pub fn page(
        &self,
        request: &RangeRequest,
        bytes_max: usize,
        cancel: &Cancel,
    ) -> Result<Page, QueryError> {
        let context = self.context(&request.tenants, cancel, request.caching);
        let compiled = context.compiled(&request.query, request.on_error)?;
        let Query::Log(query) = compiled.value else {
            return Err(QueryError::Bad("only log selector is supported".to_owned()));
        };
        let bytes_max = bytes_max.min(self.limits.query_memory);
        let plan = LogPlan::of_page(request, query, bytes_max)?;
        let (found, cursor) = log::query::execute_page(&context, plan, &request.query)?;
        response::page(found, cursor)
    }

    /// Why a query found nothing, in a sentence for the user.
    pub fn hint(&self, request: &HintRequest) -> Result<Option<String>, QueryError> {
        let context = self.metadata_context(&request.tenants, &Cancel::default());
        empty_hint::hint(&context, request)
    }

    /// `labels`
    pub fn label_names(
        &self,
        request: &MetadataRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<String>>, QueryError> {
        labels::label_names(&self.metadata_context(&request.tenants, cancel), request)
    }

    /// `label/{name}/values`
    pub fn label_values(
        &self,
        name: &str,
        request: &MetadataRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<String>>, QueryError> {
        let context = self.metadata_context(&request.tenants, cancel);
        labels::label_values(&context, name, request)
    }

    /// `series`: the labels of each stream
    pub fn series(
        &self,
        request: &SeriesRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<Labels>>, QueryError> {
        labels::series(&self.metadata_context(&request.tenants, cancel), request)
    }

    /// `index/stats`
    pub fn index_stats(
        &self,
        request: &MetadataRequest,
        cancel: &Cancel,
    ) -> Result<IndexStats, QueryError> {
        index_stats::index_stats(&self.metadata_context(&request.tenants, cancel), request)
    }

    /// Bytes that a query has to look at, by the index: those of all its selectors, each over its
    /// own times.
    pub fn bytes_to_read(
        &self,
        tenants: &Tenants,
        query: &Parsed,
        range: TimeRange,
        cancel: &Cancel,
    ) -> Result<u64, QueryError> {
        index_stats::bytes_to_read(&self.metadata_context(tenants, cancel), query, range)
    }

    /// `index/volume` (one point a series) and `index/volume_range`
    pub fn volume(
        &self,
        request: &VolumeRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<VolumeSeries>>, QueryError> {
        volume::volume(&self.metadata_context(&request.tenants, cancel), request)
    }

    /// `patterns`
    pub fn patterns(
        &self,
        request: &PatternsRequest,
        cancel: &Cancel,
    ) -> Result<Charged<PatternsAnswer>, QueryError> {
        let context = self.metadata_context(&request.tenants, cancel);
        patterns::patterns(&context, request)
    }

    /// `detected_labels`: label and number of values
    pub fn detected_labels(
        &self,
        request: &MetadataRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<(String, u64)>>, QueryError> {
        labels::detected_labels(&self.metadata_context(&request.tenants, cancel), request)
    }

    /// `detected_fields`
    pub fn detected_fields(
        &self,
        request: &FieldsRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<DetectedField>>, QueryError> {
        let context = self.metadata_context(&request.tenants, cancel);
        detected_fields::detected_fields(&context, request)
    }

    /// `detected_field/{name}/values`
    pub fn detected_field_values(
        &self,
        name: &str,
        request: &FieldsRequest,
        cancel: &Cancel,
    ) -> Result<Charged<Vec<String>>, QueryError> {
        let context = self.metadata_context(&request.tenants, cancel);
        detected_fields::detected_field_values(&context, name, request)
    }

    /// A tail's filter and formatter: what new entries become. What it holds is bounded as that of a
    /// query is.
    pub fn tail_pipeline(
        &self,
        query: &Parsed,
        labelling: Labelling,
    ) -> Result<TailPipeline, QueryError> {
        let limits = &self.limits;
        let (user, bytes) = (limits.memory_user, limits.query_memory);
        let memory = QueryMemory::new(self.store.budget(), user, bytes, || Ok(()));
        let mut charge = Charge::new(&memory);
        charge.add(tail::COMPILED_BYTES + tail::COMPILED_TIMES * query.text().len())?;
        let (compiled, regexes) = re2::together(|| query.compile(OnError::Fail));
        charge.add(regexes)?;
        TailPipeline::new(compiled?, labelling, charge, self.clock)
    }

    fn source<'a>(&'a self, tenants: &'a Tenants) -> Source<'a> {
        Source::new(&self.store, tenants)
    }

    fn metadata_context<'a>(&'a self, tenants: &'a Tenants, cancel: &Cancel) -> Context<'a> {
        self.context(tenants, cancel, Caching::Allowed)
    }

    fn context<'a>(
        &'a self,
        tenants: &'a Tenants,
        cancel: &Cancel,
        caching: Caching,
    ) -> Context<'a> {
        Context {
            source: self.source(tenants),
            pool: &self.pool,
            limits: &self.limits,
            interrupt: Interrupt::new(self.store.budget(), cancel, &self.limits),
            caching,
            now: (self.clock)(),
        }
    }
}
