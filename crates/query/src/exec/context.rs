//! A query's context holds its source, its threads, its limits and its interrupt.

use crate::exec::interrupt::Interrupt;
use crate::limits::QueryLimits;
use crate::multi_tenant::Source;
use crate::request::Caching;
use crate::sched::pool::Pool;

/// Everything a query runs with but the query itself.
#[derive(Clone)]
pub(crate) struct Context<'a> {
    /// The data of the tenants it asks about.
    pub(crate) source: Source<'a>,
    pub(crate) pool: &'a Pool,
    pub(crate) limits: &'a QueryLimits,
    pub(crate) interrupt: Interrupt,
    pub(crate) caching: Caching,
    /// `now` of the whole query, nanoseconds since 1970.
    pub(crate) now: i64,
}
