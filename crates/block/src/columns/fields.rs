//! Field columns hold the values of shredded lines; each is decoded when it is first needed.

use crate::columns::metadata;
use crate::error::BlockError;
use crate::fetch::FetchedColumn;
use crate::meta::ColumnKind;
use crate::read_spec::ReadSpec;
use skald_fields::LazyColumns;
use skald_model::MetadataColumn;
use std::sync::Arc;

/// The fetched fields of a block, in order of their numbers.
pub(crate) struct FieldColumns<'a> {
    rows: usize,
    columns: Vec<FieldColumn<'a>>,
}

struct FieldColumn<'a> {
    column: FetchedColumn<'a>,
    values: Option<MetadataColumn>,
}

impl<'a> FieldColumns<'a> {
    /// No fields of a block with `rows` rows.
    pub(crate) fn new(rows: usize) -> FieldColumns<'a> {
        FieldColumns {
            rows,
            columns: Vec::new(),
        }
    }

    /// Adds the next field.
    pub(crate) fn push(&mut self, column: FetchedColumn<'a>) {
        self.columns.push(FieldColumn {
            column,
            values: None,
        });
    }

    /// Adds the fields that are wanted as metadata, and sorts these by name.
    pub(crate) fn add_wanted(
        &mut self,
        spec: &ReadSpec<'_>,
        metadata: &mut Vec<MetadataColumn>,
    ) -> Result<(), BlockError> {
        let before = metadata.len();
        for at in 0..self.columns.len() {
            let kind = &self.columns[at].column.meta.kind;
            if matches!(kind, ColumnKind::Field(name) if spec.wants_field(name)) {
                self.get(at)?;
                metadata.extend(self.columns[at].values.take());
            }
        }
        if metadata.len() > before {
            metadata.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(())
    }

    /// Takes the values of all columns. With `only`, columns that are not decoded yet need no
    /// values but those of these rows.
    pub(crate) fn take_values(
        &mut self,
        only: Option<&[u32]>,
    ) -> Result<Vec<MetadataColumn>, BlockError> {
        let rows = self.rows;
        // Lines are assembled once: values that are wanted as metadata too are few, and decoded
        // again.
        self.columns
            .iter_mut()
            .map(|field| {
                field
                    .values
                    .take()
                    .map_or_else(|| field.decode(rows, only), Ok)
            })
            .collect()
    }
}

impl FieldColumn<'_> {
    fn decode(&self, rows: usize, only: Option<&[u32]>) -> Result<MetadataColumn, BlockError> {
        let bytes = self.column.checked()?;
        let name = match &self.column.meta.kind {
            ColumnKind::Field(name) => name.clone(),
            _ => Arc::from(""),
        };
        metadata::decode(bytes, name, rows, only)
    }
}

impl LazyColumns for FieldColumns<'_> {
    type Error = BlockError;

    fn may_hold(&self, column: usize, byte: u8) -> bool {
        self.columns
            .get(column)
            .is_none_or(|field| metadata::may_hold(field.column.unchecked(), byte))
    }

    fn get(&mut self, column: usize) -> Result<&MetadataColumn, BlockError> {
        let field = self
            .columns
            .get_mut(column)
            .ok_or_else(|| BlockError::damaged("a line has a column that is not there"))?;
        if field.values.is_none() {
            field.values = Some(field.decode(self.rows, None)?);
        }
        Ok(field.values.as_ref().expect("was just decoded"))
    }
}
