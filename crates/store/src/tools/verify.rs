//! Verify: checks a data directory against everything it says of itself, and changes nothing.
//!
//! FORMAT, manifests, each part's footer, directory, content index, columns and rows, the WAL's
//! segments and records. Takes no lock, so it may look at the directory of a running server: what
//! that server removes or replaces meanwhile is looked up again and is no finding. Not a repair.

use crate::StoreError;
use crate::files::Files;
use crate::layout::{Layout, date, part_name};
use crate::manifest::{self, Manifest, ManifestRead, rebuild};
use crate::part::{Part, PartEnv, PartMeta};
use crate::recovery::format_file::{self, Found};
use crate::recovery::push_record;
use crate::tenant_dir::TenantDir;
use serde::Serialize;
use skald_block::ReadSpec;
use skald_index::ContentIndex;
use skald_model::{Batch, Columns, ContentQuery, Literal, TenantId};
use skald_wal::{Tail, TailKind};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Lines (and metadata values) of a block that the content index is asked for: enough that an index
/// of another block, or with a damaged row, is found out, at a small part of what decoding costs.
const PROBED_ROWS: usize = 64;
/// Bytes of a probed literal: several grams of every kind the index keeps.
const PROBED_BYTES: usize = 24;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong with the data.
    Note,
    /// Bytes are not what was written.
    Damage,
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, with its place.
    pub what: String,
}

/// What was looked at and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Tenants.
    pub tenants: u64,
    /// Parts.
    pub parts: u64,
    /// Blocks.
    pub blocks: u64,
    /// Rows of blocks.
    pub rows: u64,
    /// Bytes of parts.
    pub part_bytes: u64,
    /// Whole records of the WAL.
    pub wal_records: u64,
    /// In the order they were found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether any finding is damage.
    pub fn is_damaged(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Damage)
    }

    fn damage(&mut self, what: impl Into<String>) {
        self.findings.push(Finding {
            severity: Severity::Damage,
            what: what.into(),
        });
    }

    fn note(&mut self, what: impl Into<String>) {
        self.findings.push(Finding {
            severity: Severity::Note,
            what: what.into(),
        });
    }
}

/// Checks the directory `data`. An error means that it can't be looked at at all.
pub fn verify(files: &Arc<dyn Files>, data: &Path) -> Result<Report, StoreError> {
    let mut check = Check {
        env: PartEnv::offline(files.clone()),
        layout: Layout::new(data.to_owned()),
        report: Report::default(),
    };
    match format_file::check(&check.env, &check.layout)? {
        Found::Whole => {}
        Found::New => {
            return Err(StoreError::Unusable(format!(
                "{} is no data directory: it has no FORMAT, and nothing that Skald wrote",
                data.display()
            )));
        }
        Found::Damaged(why) => check
            .report
            .damage(format!("{why}; the next start writes it anew")),
    }
    let tenants = check.layout.tenants();
    let listed = files
        .list(&tenants)
        .map_err(StoreError::at("listing", &tenants))?;
    for folder in listed.into_iter().filter(|listed| listed.is_folder) {
        match TenantId::parse(&folder.name) {
            Ok(tenant) => check.tenant(&tenant)?,
            Err(_) => check.report.note(format!(
                "{} is not a tenant's folder",
                tenants.join(&folder.name).display()
            )),
        }
    }
    check.wal();
    Ok(check.report)
}

struct Check {
    env: PartEnv,
    layout: Layout,
    report: Report,
}

impl Check {
    fn dir<'a>(&'a self, tenant: &'a TenantId) -> TenantDir<'a> {
        TenantDir {
            files: &*self.env.files,
            layout: &self.layout,
            tenant,
        }
    }

    fn tenant(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        self.report.tenants += 1;
        let path = self.layout.manifest(tenant).display().to_string();
        let manifest = match manifest::read(&self.dir(tenant)) {
            Ok(ManifestRead::Whole(manifest)) => Some(manifest),
            Ok(ManifestRead::HalfDamaged(manifest)) => {
                self.report.damage(format!(
                    "{path}: one of its two copies is damaged; the next start repairs it"
                ));
                Some(manifest)
            }
            Ok(ManifestRead::Damaged) => {
                self.report.damage(format!(
                    "{path} is damaged; the next start rebuilds it from the parts"
                ));
                None
            }
            Ok(ManifestRead::Foreign(manifest)) => {
                self.report.damage(format!(
                    "{path} is of tenant {}; the next start does not take it for one of {tenant}",
                    manifest.tenant()
                ));
                None
            }
            Ok(ManifestRead::Missing) => None,
            Err(error) => {
                self.report.damage(error.to_string());
                None
            }
        };
        let present = rebuild::part_files(&self.dir(tenant))?;
        let Some(manifest) = manifest else {
            if !present.is_empty() {
                self.report
                    .damage(format!("{path}: no manifest for {} parts", present.len()));
            }
            return present
                .into_iter()
                .try_for_each(|(day, id)| self.part(tenant, &rebuild::placeholder(day, id), None));
        };
        let elsewhere = |m: &PartMeta| {
            manifest.uploaded.parts.contains_key(&m.id) && !present.contains(&(m.day, m.id))
        };
        let in_bucket = manifest.parts.iter().filter(|m| elsewhere(m)).count();
        if in_bucket > 0 {
            self.report.note(format!(
                "tenant {tenant}: {in_bucket} parts are in object storage and not checked"
            ));
        }
        for meta in manifest.parts.iter().filter(|m| !elsewhere(m)) {
            self.part(tenant, meta, Some(meta))?;
        }
        self.leftovers(tenant, &manifest, &present);
        Ok(())
    }

    /// Files that no manifest names, not even one that was written meanwhile.
    fn leftovers(&mut self, tenant: &TenantId, manifest: &Manifest, present: &[(i32, u64)]) {
        let named = |manifest: &Manifest, at: &(i32, u64)| {
            manifest.parts.iter().any(|m| (m.day, m.id) == *at)
        };
        let unnamed: Vec<&(i32, u64)> = present.iter().filter(|at| !named(manifest, at)).collect();
        if unnamed.is_empty() {
            return;
        }
        let now = self.manifest_now(tenant);
        for (day, id) in unnamed
            .into_iter()
            .filter(|at| now.as_ref().is_none_or(|now| !named(now, at)))
        {
            let name = format!("{}/{}", date(*day), part_name(*id));
            self.report
                .note(format!("tenant {tenant}: {name} is named by no manifest: being written, or swept at the next start"));
        }
    }

    fn manifest_now(&self, tenant: &TenantId) -> Option<Manifest> {
        match manifest::read(&self.dir(tenant)) {
            Ok(ManifestRead::Whole(manifest) | ManifestRead::HalfDamaged(manifest)) => {
                Some(manifest)
            }
            Ok(ManifestRead::Damaged | ManifestRead::Foreign(_) | ManifestRead::Missing)
            | Err(_) => None,
        }
    }

    /// Checks a part; `said` is what the manifest says of it.
    fn part(
        &mut self,
        tenant: &TenantId,
        meta: &PartMeta,
        said: Option<&PartMeta>,
    ) -> Result<(), StoreError> {
        let path = self.layout.part(tenant, meta.day, meta.id);
        let part = match Part::open(&self.env, path.clone(), meta.clone()) {
            Ok(part) => Arc::new(part),
            Err(error) => {
                let replaced = self
                    .manifest_now(tenant)
                    .is_some_and(|now| now.parts.iter().all(|m| m.id != meta.id));
                if said.is_none() || !replaced {
                    self.report.damage(error.to_string());
                }
                return Ok(());
            }
        };
        self.report.parts += 1;
        let found = part.describe();
        self.report.part_bytes += found.bytes;
        let index = match part.load_content() {
            Ok(index) if index.blocks() == part.blocks.len() => Some(index),
            Ok(index) => {
                let (indexed, blocks) = (index.blocks(), part.blocks.len());
                self.report.damage(format!(
                    "the index of part {} is of {indexed} blocks, not {blocks}",
                    path.display()
                ));
                None
            }
            Err(error) => {
                self.report.damage(error.to_string());
                None
            }
        };
        if let Err(error) = part.read_patterns() {
            self.report.damage(error.to_string());
        }
        for number in 0..part.blocks.len() {
            self.block(&part, number, index.as_deref());
        }
        Ok(())
    }

    /// Checks a block, and that the content index does not leave it out where it must not.
    fn block(&mut self, part: &Part, number: usize, index: Option<&ContentIndex>) {
        let meta = &part.blocks[number].meta;
        self.report.blocks += 1;
        self.report.rows += u64::from(meta.rows);
        let spec = ReadSpec::all(&Columns::ALL);
        let batch = part
            .read_block(number as u32, &spec, Batch::default())
            .and_then(|batch| match skald_block::verify(meta, &batch) {
                Ok(()) => Ok(batch),
                Err(error) => Err(part.block_error(number as u32, error)),
            });
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return self.report.damage(error.to_string()),
        };
        let missed = index.map_or(0, |index| {
            let leaves_out =
                |query: &ContentQuery| index.candidates(query).get(number) != Some(&true);
            probes(&batch).filter(leaves_out).count()
        });
        if missed > 0 {
            let name = part.path.display();
            self.report.damage(format!(
                "the index of part {name} leaves out block {number}, which holds {missed} literals asked for"
            ));
        }
    }

    fn tail(&mut self, tail: &Tail) {
        let (segment, at, bytes) = (&tail.segment, tail.at, tail.bytes);
        match tail.kind {
            TailKind::Unfinished => self.report.note(format!(
                "wal segment {segment}: the last {bytes} bytes, at {at}, are of an unfinished write"
            )),
            TailKind::Damaged => self.report.damage(format!(
                "wal segment {segment}: the last {bytes} bytes, at {at}, are damaged, or of a write torn out of order"
            )),
        }
    }

    /// Reads every record of the WAL.
    fn wal(&mut self) {
        let folder = self.layout.wal();
        let mut not_understood = BTreeSet::new();
        let read = skald_wal::read(&*self.env.files, &folder, &mut |replayed| {
            if push_record::decode(replayed.payload).is_none()
                || TenantId::parse(replayed.tenant).is_err()
            {
                not_understood.insert(replayed.sequence);
            }
        });
        match read {
            Ok(report) => {
                self.report.wal_records = report.records;
                report
                    .damage
                    .iter()
                    .for_each(|damage| self.report.damage(damage.clone()));
                report.tails.iter().for_each(|tail| self.tail(tail));
            }
            Err(error) => self.report.damage(error.to_string()),
        }
        for sequence in not_understood {
            self.report
                .damage(format!("wal record {sequence} can't be understood"));
        }
    }
}

/// Queries that a block must not be left out of: a piece of some of its lines, and some of its
/// metadata.
fn probes(batch: &Batch) -> impl Iterator<Item = ContentQuery> {
    let step = (batch.len() / PROBED_ROWS).max(1);
    (0..batch.len() as u32).step_by(step).flat_map(move |row| {
        let line = batch.line(row);
        // A different place in each line: beginnings are often alike.
        let from = row as usize % (line.len().saturating_sub(PROBED_BYTES) + 1);
        let bytes = line[from..line.len().min(from + PROBED_BYTES)].to_vec();
        let of_line = ContentQuery {
            lines: vec![vec![Literal {
                bytes,
                ignore_case: false,
            }]],
            ..ContentQuery::default()
        };
        let pairs = batch.metadata_of(row);
        let of_pair = |(name, value): (&str, &str)| ContentQuery {
            metadata: vec![(name.to_owned(), vec![value.to_owned()])],
            ..ContentQuery::default()
        };
        std::iter::once(of_line)
            .chain(pairs.map(of_pair))
            .collect::<Vec<_>>()
    })
}
