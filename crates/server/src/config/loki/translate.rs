//! Translation maps older keys of a Loki file, and `common` directories, to Skald's settings.
//!
//! A setting that stands in the file by its own name counts before what is translated to it.

use crate::config::Config;
use crate::config::file::Line;
use crate::config::limits::DeletionMode;
use crate::config::loki::unsupported::Fate;
use crate::config::setting::Setting;
use serde_yaml_ng::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folder within one of Loki's, so that its files and ours do not meet.
const FOLDER: &str = "skald";

/// Keys that name a directory of Loki's, the first one counts: where a volume is, there data
/// belongs.
const DIRECTORIES: &[&str] = &[
    "common.path_prefix",
    "common.storage.filesystem.chunks_directory",
    "storage_config.filesystem.directory",
    "storage_config.object_store.filesystem.dir",
    "storage_config.tsdb_shipper.active_index_directory",
    "storage_config.boltdb_shipper.active_index_directory",
    "storage_config.boltdb.directory",
    "ingester.wal.dir",
    "compactor.working_directory",
];

/// A file's settings by their dotted names, and what became of those that were translated.
pub(in crate::config) struct Translation<'v> {
    leaves: &'v [(String, &'v Value)],
    lines: Vec<(String, Line)>,
}

impl<'v> Translation<'v> {
    /// Of these settings.
    pub(in crate::config) fn new(leaves: &'v [(String, &'v Value)]) -> Translation<'v> {
        Translation {
            leaves,
            lines: Vec::new(),
        }
    }

    /// Sets what the file says by other names, after what it says by ours; what became of each such
    /// name.
    pub(in crate::config) fn take(
        mut self,
        config: &mut Config,
    ) -> Result<Vec<(String, Line)>, String> {
        self.take_table_retention(config)?;
        self.take_limits(config)?;
        self.take_deletion(config)?;
        self.take_tenant_files(config)?;
        self.take_directory(config)?;
        self.take_rules(config)?;
        self.take_target();
        Ok(self.lines)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.leaves.iter().any(|(leaf, _)| leaf == name)
    }

    /// A value that stands in the file; the error names it.
    pub(super) fn get<T: Setting>(&self, name: &str) -> Result<Option<T>, String> {
        let found = self.leaves.iter().find(|(leaf, _)| leaf == name);
        found
            .map(|(_, value)| T::read(value).map_err(|error| format!("{name}: {error}")))
            .transpose()
    }

    pub(super) fn taken(&mut self, name: &str, target: impl std::fmt::Display) {
        let line = Line::Noted(name.to_owned(), format!("as {target}"));
        self.lines.push((name.to_owned(), line));
    }

    pub(super) fn reported(&mut self, name: &str, fate: Fate) {
        let line = Line::Loki(name.to_owned(), fate);
        self.lines.push((name.to_owned(), line));
    }

    /// `table_manager`: how retention was set up to Loki 2.x. What `compactor` and `limits_config`
    /// keep counts before.
    fn take_table_retention(&mut self, config: &mut Config) -> Result<(), String> {
        let (switch, period) = (
            "table_manager.retention_deletes_enabled",
            "table_manager.retention_period",
        );
        let Some(span) = self.get::<Duration>(period)?.filter(|span| !span.is_zero()) else {
            return Ok(());
        };
        if !self.get::<bool>(switch)?.unwrap_or(false) {
            let why = "table_manager.retention_deletes_enabled is not on: everything is kept";
            self.reported(period, Fate::NotNeeded(why));
            return Ok(());
        }
        let limits = &mut config.limits;
        if config.compactor.retention_enabled
            && self.has("compactor.retention_enabled")
            && limits.expires()
        {
            let why = "the retention of limits_config and compactor counts";
            self.reported(period, Fate::NotNeeded(why));
            self.reported(switch, Fate::NotNeeded(why));
            return Ok(());
        }
        // With the compactor's retention off Loki keeps what these would remove.
        limits.retention_stream.clear();
        limits.retention_period = span;
        config.compactor.retention_enabled = true;
        self.taken(period, "limits_config.retention_period");
        self.taken(switch, "compactor.retention_enabled");
        Ok(())
    }

    fn take_limits(&mut self, config: &mut Config) -> Result<(), String> {
        let lookback = "chunk_store_config.max_look_back_period";
        if let Some(span) = self.get::<Duration>(lookback)?.filter(|s| !s.is_zero()) {
            self.older(
                lookback,
                "limits_config.max_query_lookback",
                |of| {
                    of.limits.max_query_lookback = span;
                },
                config,
            );
        }
        for name in ["querier.query_timeout", "querier.engine.timeout"] {
            if let Some(span) = self.get::<Duration>(name)? {
                self.older(
                    name,
                    "limits_config.query_timeout",
                    |of| {
                        of.limits.query_timeout = span;
                    },
                    config,
                );
            }
        }
        let waiting = "query_scheduler.max_outstanding_requests_per_tenant";
        if let Some(queries) = self.get::<usize>(waiting)? {
            self.older(
                waiting,
                "frontend.max_outstanding_per_tenant",
                |of| {
                    of.frontend.max_outstanding_per_tenant = queries;
                },
                config,
            );
        }
        Ok(())
    }

    /// Sets what an older name says, unless the file has the newer one.
    fn older(
        &mut self,
        name: &str,
        newer: &'static str,
        set: impl Fn(&mut Config),
        config: &mut Config,
    ) {
        if self.has(newer) {
            self.reported(
                name,
                Fate::NotNeeded("the setting that has its place now stands in the file too"),
            );
        } else {
            set(config);
            self.taken(name, newer);
        }
    }

    /// Up to Loki 2.8 deletes were allowed or forbidden by other keys.
    fn take_deletion(&mut self, config: &mut Config) -> Result<(), String> {
        let (mode, allowed) = ("compactor.deletion_mode", "limits_config.allow_deletes");
        if let Some(value) = self.get::<DeletionMode>(mode)? {
            self.older(
                mode,
                "limits_config.deletion_mode",
                |of| of.limits.deletion_mode = value,
                config,
            );
        }
        if let Some(value) = self.get::<bool>(allowed)? {
            self.older(
                allowed,
                "limits_config.deletion_mode",
                |of| {
                    if !value {
                        of.limits.deletion_mode = DeletionMode::Disabled;
                    }
                },
                config,
            );
        }
        Ok(())
    }

    fn take_tenant_files(&mut self, config: &mut Config) -> Result<(), String> {
        let (file, period) = (
            "limits_config.per_tenant_override_config",
            "limits_config.per_tenant_override_period",
        );
        if let Some(files) = self.get::<Vec<String>>(file)?.filter(|f| !f.is_empty()) {
            self.older(
                file,
                "runtime_config.file",
                |of| of.runtime.file.clone_from(&files),
                config,
            );
        }
        if let Some(span) = self.get::<Duration>(period)? {
            self.older(
                period,
                "runtime_config.period",
                |of| of.runtime.period = span,
                config,
            );
        }
        Ok(())
    }

    /// Data goes where Loki's would, unless the file says `data`.
    fn take_directory(&mut self, config: &mut Config) -> Result<(), String> {
        if self.has("data") {
            return Ok(());
        }
        for name in DIRECTORIES {
            let folder = self.get::<String>(name)?.unwrap_or_default();
            if !folder.is_empty() {
                config.data = inside(&folder);
                let shown = config.data.display().to_string();
                self.taken(name, format_args!("data, which lies in {shown}"));
                break;
            }
        }
        Ok(())
    }

    fn take_target(&mut self) {
        let target = self.get::<String>("target").ok().flatten();
        if target.is_some_and(|target| target.trim() != "all") {
            let why = "every process does everything, with data of its own";
            self.reported("target", Fate::Missing(why));
        }
    }
}

/// A limit of one tenant by the name it has now, when it has an older one.
pub(crate) fn older_limit(name: &str, value: &Value) -> Option<(&'static str, Value)> {
    let forbids = name == "limits_config.allow_deletes" && bool::read(value) == Ok(false);
    forbids.then(|| ("limits_config.deletion_mode", Value::from("disabled")))
}

/// Our folder in one of Loki's.
fn inside(folder: &str) -> PathBuf {
    Path::new(folder).join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{check, file};

    fn read(text: &str) -> Config {
        let mut config = Config::default();
        file::apply(&mut config, text, &[], |_| None).expect("the file loads");
        config
    }

    fn says(text: &str, expected: &str) {
        let (report, _) = check::report(text, |_| None);
        assert!(report.contains(expected), "{text}: {report}");
    }

    #[test]
    fn the_retention_of_tables_is_kept_to() {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let retention = |text: &str| {
            let config = read(text);
            (
                config.compactor.retention_enabled,
                config.limits.retention_period,
            )
        };
        let tables = "table_manager: {retention_deletes_enabled: yes, retention_period: 720h}\n";
        assert_eq!(retention(tables), (true, hours(720)));
        says(
            tables,
            "taken          table_manager.retention_period: as limits_config.retention_period\n",
        );
        let off = "compactor: {retention_enabled: false}\nlimits_config: {retention_period: 48h}\n";
        assert_eq!(retention(&format!("{tables}{off}")), (true, hours(720)));
        let on = "compactor: {retention_enabled: true}\nlimits_config: {retention_period: 48h}\n";
        assert_eq!(retention(&format!("{tables}{on}")), (true, hours(48)));
        let kept = "table_manager: {retention_deletes_enabled: false, retention_period: 720h}\n";
        assert_eq!(retention(kept), (false, Duration::ZERO));
        says(
            kept,
            "retention_deletes_enabled is not on: everything is kept\n",
        );
        let never = "table_manager: {retention_deletes_enabled: true, retention_period: 0s}\n";
        assert_eq!(retention(never), (false, Duration::ZERO));
    }

    #[test]
    fn older_names_count_unless_the_newer_one_is_there() {
        let day = Duration::from_secs(86_400);
        let old = "chunk_store_config: {max_look_back_period: 24h}\n";
        assert_eq!(read(old).limits.max_query_lookback, day);
        let both = format!("{old}limits_config: {{max_query_lookback: 48h}}\n");
        assert_eq!(read(&both).limits.max_query_lookback, 2 * day);
        assert_eq!(
            read("querier: {engine: {timeout: 5m}}")
                .limits
                .query_timeout,
            Duration::from_secs(300)
        );
        let file = read(
            "limits_config: {per_tenant_override_config: /etc/o.yaml, per_tenant_override_period: 5s}",
        );
        assert_eq!(file.runtime.file, ["/etc/o.yaml"]);
        assert_eq!(file.runtime.period, Duration::from_secs(5));
    }

    #[test]
    fn forbidden_deletes_stay_forbidden() {
        let mode = |text: &str| read(text).limits.deletion_mode;
        assert_eq!(
            mode("compactor: {deletion_mode: disabled}"),
            DeletionMode::Disabled
        );
        assert_eq!(
            mode("compactor: {deletion_mode: filter-only}"),
            DeletionMode::FilterOnly
        );
        assert_eq!(
            mode("compactor: {deletion_mode: whole-stream-deletion}"),
            DeletionMode::FilterAndDelete
        );
        assert_eq!(
            mode("limits_config: {allow_deletes: no}"),
            DeletionMode::Disabled
        );
        assert_eq!(
            mode("limits_config: {allow_deletes: true}"),
            DeletionMode::FilterAndDelete
        );
        assert_eq!(
            mode("limits_config: {allow_deletes: false, deletion_mode: filter-only}"),
            DeletionMode::FilterOnly
        );
    }

    #[test]
    fn data_lies_where_lokis_would() {
        let data = |text: &str| read(text).data.display().to_string();
        assert_eq!(data("common: {path_prefix: /loki}"), "/loki/skald");
        assert_eq!(data("common: {path_prefix: /loki/}\ndata: /mine"), "/mine");
        assert_eq!(
            data("common: {path_prefix: ''}\nstorage_config: {filesystem: {directory: /c}}"),
            "/c/skald"
        );
        assert_eq!(
            data("storage_config: {boltdb_shipper: {active_index_directory: /i}}"),
            "/i/skald"
        );
        assert_eq!(data("schema_config: {configs: []}"), "./skald-data");
        says(
            "common: {path_prefix: /loki}",
            "taken          common.path_prefix: as data, which lies in /loki/skald\n",
        );
    }
}
