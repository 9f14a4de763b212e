//! A query's context holds its source, its threads, its limits and its interrupt.

use crate::error::QueryError;
use crate::exec::interrupt::Interrupt;
use crate::limits::QueryLimits;
use crate::multi_tenant::Source;
use crate::parsed::{OnError, Parsed};
use crate::request::Caching;
use crate::sched::pool::Pool;
use skald_logql::typed::Query;
use skald_model::{Charge, Charged, re2};
use skald_store::{Select, Selected};

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

impl Context<'_> {
    /// A charge on the query's account.
    pub(crate) fn charge(&self) -> Charge {
        self.interrupt.charge()
    }

    /// A value that takes this many bytes, charged for as long as it is there.
    pub(crate) fn charged<T>(&self, value: T, bytes: usize) -> Result<Charged<T>, QueryError> {
        let mut charge = self.charge();
        charge.add(bytes)?;
        Ok(Charged { value, charge })
    }

    /// A query with its regexes compiled, charged for about what they hold.
    pub(crate) fn compiled(
        &self,
        query: &Parsed,
        on_error: OnError,
    ) -> Result<Charged<Query>, QueryError> {
        let (compiled, bytes) = re2::together(|| query.compile(on_error));
        self.charged(compiled?, bytes)
    }

    /// Selects what there is to read, charged while it is found.
    pub(crate) fn select(&self, select: &Select<'_>) -> Result<Charged<Selected>, QueryError> {
        let mut charge = self.charge();
        let value = self.source.select(select, &mut charge)?;
        Ok(Charged { value, charge })
    }
}
