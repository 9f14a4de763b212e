//! A query's context holds its source, its threads, its limits and its interrupt.

use crate::error::QueryError;
use crate::exec::interrupt::Interrupt;
use crate::limits::QueryLimits;
use crate::multi_tenant::Source;
use crate::request::Caching;
use crate::sched::pool::Pool;
use skald_model::{Charge, Charged};
use skald_store::{Piece, PieceRun, Select, Selected, StoreError};

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

    /// What there is to read, charged by its descriptions.
    pub(crate) fn selected(
        &self,
        selected: Result<Selected, StoreError>,
    ) -> Result<Charged<Selected>, QueryError> {
        let selected = selected?;
        let bytes = selected_bytes(&selected);
        self.charged(selected, bytes)
    }

    /// Selects what there is to read.
    pub(crate) fn select(&self, select: &Select<'_>) -> Result<Charged<Selected>, QueryError> {
        self.selected(self.source.select(select))
    }
}

/// Bytes of the descriptions of what was selected.
fn selected_bytes(selected: &Selected) -> usize {
    let runs: usize = selected.pieces.iter().map(|piece| piece.runs.len()).sum();
    let labels = selected.streams.iter().map(|s| s.labels.as_bytes().len());
    selected.pieces.len() * size_of::<Piece>()
        + runs * size_of::<PieceRun>()
        + selected.streams.len() * size_of::<skald_model::SelectedStream>()
        + labels.sum::<usize>()
}
