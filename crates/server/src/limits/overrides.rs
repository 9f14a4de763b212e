//! Overrides give each tenant its limits: `limits_config`, and over it the runtime files.
//!
//! [`Overrides::of`] is the one place that answers "what may this tenant do". The files of
//! `runtime_config.file` are read again when they change; one that can't be used is reported once
//! and the limits in force stay. Callers get a snapshot that does not change under a request.

use crate::config::expand::{Expanded, are_not_set, expand};
use crate::config::limits::Limits;
use crate::config::loki::translate::older_limit;
use crate::config::{Config, file, keys, yaml};
use crate::telemetry::exposition::metric;
use parking_lot::{Mutex, RwLock};
use serde_yaml_ng::Value;
use skald_ingest::{TenantPolicies, TenantPolicy};
use skald_model::TenantId;
use skald_store::Retention;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A tenant's limits in the forms that the parts of the server take.
#[derive(Debug)]
pub struct TenantLimits {
    /// By Loki's names.
    pub limits: Limits,
    /// For pushes.
    pub ingest: Arc<TenantPolicy>,
    /// For what is stored.
    pub retention: Arc<Retention>,
}

/// Limits of all tenants.
pub struct Overrides {
    config: Config,
    base: Arc<TenantLimits>,
    tenants: RwLock<HashMap<TenantId, Arc<TenantLimits>>>,
    files: Vec<PathBuf>,
    /// Contents of the files when they were last read.
    seen: Mutex<Option<Vec<String>>>,
    reload_worked: AtomicBool,
    reloads: AtomicU64,
}

/// Tenants with limits of their own.
type Table = HashMap<TenantId, Limits>;

impl Overrides {
    /// With the files of `config`, which must be readable now.
    pub fn open(config: &Config) -> Result<Overrides, String> {
        config.check()?;
        let ingest = Arc::new(TenantPolicy::new(config.limits.ingest(&config.distributor)));
        let overrides = Overrides {
            base: Arc::new(tenant_limits(config, config.limits.clone(), ingest)),
            tenants: RwLock::default(),
            files: config.runtime.file.iter().map(PathBuf::from).collect(),
            seen: Mutex::default(),
            reload_worked: AtomicBool::new(true),
            reloads: AtomicU64::new(0),
            config: config.clone(),
        };
        overrides.reload()?;
        Ok(overrides)
    }

    /// This tenant's limits.
    pub fn of(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        let own = self.tenants.read().get(tenant).cloned();
        own.unwrap_or_else(|| self.base.clone())
    }

    /// Tenants that have limits of their own.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.tenants.read().keys().cloned().collect()
    }

    /// `loki_runtime_config_*`, as Loki has it.
    pub fn write_metrics(&self, out: &mut String) {
        let (worked, reloads) = self.reload_state();
        let name = "loki_runtime_config_last_reload_successful";
        metric(
            out,
            name,
            "gauge",
            "Whether the last reload of the runtime configuration worked.",
            u8::from(worked),
        );
        metric(
            out,
            "skald_runtime_config_reloads_total",
            "counter",
            "Reloads of the runtime configuration that changed it.",
            reloads,
        );
        metric(
            out,
            "skald_tenant_overrides",
            "gauge",
            "Tenants with limits of their own.",
            self.tenants().len(),
        );
    }

    /// Whether the files as they are now could be used; how many times they changed.
    pub fn reload_state(&self) -> (bool, u64) {
        (
            self.reload_worked.load(Ordering::Relaxed),
            self.reloads.load(Ordering::Relaxed),
        )
    }

    /// Reads the files again when they changed. The error says why what was in force stays.
    pub fn reload(&self) -> Result<(), String> {
        if self.files.is_empty() {
            return Ok(());
        }
        let result = self.read_files();
        self.reload_worked.store(result.is_ok(), Ordering::Relaxed);
        result
    }

    fn read_files(&self) -> Result<(), String> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("runtime_config.file {}: {error}", path.display()))
        };
        let texts: Vec<String> = self.files.iter().map(read).collect::<Result<_, _>>()?;
        let mut seen = self.seen.lock();
        if seen.as_ref() == Some(&texts) {
            return Ok(());
        }
        let mut table = Table::new();
        for (path, text) in self.files.iter().zip(&texts) {
            let named = |error: String| format!("runtime_config.file {}: {error}", path.display());
            for warning in read_table(&self.config, text, &mut table).map_err(named)? {
                tracing::warn!(file = %path.display(), "runtime configuration: {warning}");
            }
        }
        *seen = Some(texts);
        let before = self.tenants.read().clone();
        let tenants = table.into_iter().map(|(tenant, limits)| {
            let limits = match before.get(&tenant) {
                Some(same) if same.limits == limits => same.clone(),
                _ => self.build(limits),
            };
            (tenant, limits)
        });
        *self.tenants.write() = tenants.collect();
        self.reloads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn build(&self, limits: Limits) -> Arc<TenantLimits> {
        let ingest = Arc::new(
            self.base
                .ingest
                .with(limits.ingest(&self.config.distributor)),
        );
        Arc::new(tenant_limits(&self.config, limits, ingest))
    }
}

/// Checked limits, in all their forms.
fn tenant_limits(config: &Config, limits: Limits, ingest: Arc<TenantPolicy>) -> TenantLimits {
    // Limits that can't be read are refused before; keeping all data is the safe side.
    let retention = limits
        .retention(config.compactor.retention_enabled)
        .unwrap_or_default();
    TenantLimits {
        limits,
        ingest,
        retention: Arc::new(retention),
    }
}

impl TenantPolicies for Overrides {
    fn of(&self, tenant: &TenantId) -> Arc<TenantPolicy> {
        Overrides::of(self, tenant).ingest.clone()
    }
}

/// Adds the tenants of one file; gives warnings.
fn read_table(base: &Config, text: &str, table: &mut Table) -> Result<Vec<String>, String> {
    let Expanded { text, unset } =
        expand(text, |name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    let root = yaml::parse(&text).map_err(|error| format!("not valid YAML: {error}"))?;
    let mut warnings = Vec::new();
    if !unset.is_empty() {
        warnings.push(format!("{}, which counts as nothing", are_not_set(&unset)));
    }
    let sections = match &root {
        Value::Null => return Ok(warnings),
        Value::Mapping(sections) => sections,
        _ => return Err("the file must hold a section overrides".to_owned()),
    };
    for (name, value) in sections {
        match (name.as_str(), value) {
            (Some("overrides"), Value::Mapping(tenants)) => {
                for (tenant, fields) in tenants {
                    read_tenant(base, tenant, fields, table, &mut warnings)?;
                }
            }
            (Some("overrides"), Value::Null) => {}
            (Some("overrides"), _) => {
                return Err("overrides must hold settings by tenant".to_owned());
            }
            (Some("configs" | "multi_kv_config"), _) => {}
            _ => warnings.push(format!("unknown {}", keys::text(name))),
        }
    }
    Ok(warnings)
}

fn read_tenant(
    base: &Config,
    tenant: &Value,
    fields: &Value,
    table: &mut Table,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let tenant =
        TenantId::parse(&keys::text(tenant)).map_err(|error| format!("overrides: {error}"))?;
    let of_tenant = |error: String| format!("overrides of {tenant}: {error}");
    let mut leaves = Vec::new();
    match fields {
        Value::Mapping(_) => file::flatten("limits_config", fields, &mut leaves),
        Value::Null => {}
        _ => return Err(of_tenant("expected settings by name".to_owned())),
    }
    let limits = table
        .entry(tenant.clone())
        .or_insert_with(|| base.limits.clone());
    for (name, value) in &leaves {
        let older = older_limit(name, value)
            .filter(|(newer, _)| leaves.iter().all(|(other, _)| other != newer));
        let (name, value) = older
            .as_ref()
            .map_or((name.as_str(), *value), |(n, v)| (*n, v));
        match keys::set_limit(limits, name, value) {
            Some(result) => result.map_err(of_tenant)?,
            None => {
                keys::check_no_section(name).map_err(of_tenant)?;
                warnings.extend(file::explain(name).map(of_tenant));
            }
        }
    }
    base.check_limits(limits).map_err(of_tenant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::DeletionMode;
    use crate::config::otlp::OtlpConfig;

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).expect("valid")
    }

    fn check(text: &str, expected: Result<&[&str], &str>) -> Table {
        let mut table = Table::new();
        let warnings = read_table(&Config::default(), text, &mut table);
        assert_eq!(
            warnings,
            expected
                .map(|w| w.iter().map(|s| (*s).to_owned()).collect())
                .map_err(str::to_owned),
            "{text}"
        );
        table
    }

    #[test]
    fn a_tenant_gets_its_own_values_over_the_common_ones() {
        let table = check("overrides:\n  a: {max_query_series: 7}\n  b:\n", Ok(&[]));
        assert_eq!(
            table[&tenant("a")],
            Limits {
                max_query_series: 7,
                ..Limits::default()
            }
        );
        assert_eq!(table[&tenant("b")], Limits::default());
    }

    #[test]
    fn older_limits_of_a_tenant_are_taken_and_needless_ones_passed_over() {
        let text =
            "overrides: {a: {allow_deletes: no, enforce_metric_name: false, max_line_size: }}";
        let table = check(text, Ok(&[]));
        let limits = &table[&tenant("a")];
        assert_eq!(limits.deletion_mode, DeletionMode::Disabled);
        assert_eq!(limits.max_line_size, Limits::default().max_line_size);
        let both = "overrides: {a: {deletion_mode: filter-only, allow_deletes: false}}";
        let table = check(both, Ok(&[]));
        assert_eq!(table[&tenant("a")].deletion_mode, DeletionMode::FilterOnly);
    }

    #[test]
    fn what_is_odd_is_warned_of_and_what_is_wrong_refuses_the_file() {
        check("", Ok(&[]));
        check(
            "overrides: {a: {max_query_serie: 7}}\nconfigs: {a: {log_push_request: true}}\n",
            Ok(&[
                "overrides of a: unknown limits_config.max_query_serie: did you mean limits_config.max_query_series?",
            ]),
        );
        check(
            "overrides: {a/b: {}}",
            Err("overrides: tenant ID 'a/b' contains unsupported character '/'"),
        );
        check(
            "overrides: [1]",
            Err("overrides must hold settings by tenant"),
        );
        let retention = "overrides of a: retention period must be >= 24h was 1h";
        check("overrides: {a: {retention_period: 1h}}", Err(retention));
    }

    #[test]
    fn rules_for_attributes_stand_over_the_common_ones_one_by_one() {
        let otlp = OtlpConfig {
            ignore_defaults: true,
            ..OtlpConfig::default()
        };
        let mut base = Config::default();
        base.limits.otlp = otlp;
        let mut table = Table::new();
        let text = "overrides: {a: {otlp_config: {severity_text_as_label: true}}}";
        assert_eq!(read_table(&base, text, &mut table), Ok(Vec::new()));
        let otlp = &table[&tenant("a")].otlp;
        assert!(otlp.ignore_defaults && otlp.severity_text_as_label);
        check(
            "overrides: {a: {otlp_config: []}}",
            Err("overrides of a: limits_config.otlp_config: expected settings by name"),
        );
        check(
            "overrides: {a: {otlp_config: {log_attributes: [{regex: '('}]}}}",
            Err(
                "overrides of a: limits_config.otlp_config.log_attributes: regex \"(\": error parsing regexp: missing closing ): `(`",
            ),
        );
    }

    #[test]
    fn a_changed_file_is_taken_and_a_broken_one_leaves_what_was_in_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("overrides.yaml");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("overrides: {a: {max_query_series: 7}}");
        let mut config = Config::default();
        config.runtime.file = vec![path.display().to_string()];
        let overrides = Overrides::open(&config).expect("the file is good");
        let series = || {
            Overrides::of(&overrides, &tenant("a"))
                .limits
                .max_query_series
        };
        assert_eq!((series(), overrides.reload_state()), (7, (true, 1)));
        write("overrides: {a: {max_query_series: many}}");
        assert!(overrides.reload().is_err());
        assert_eq!((series(), overrides.reload_state()), (7, (false, 1)));
        write("overrides: {a: {max_query_series: 8}}");
        assert_eq!(overrides.reload(), Ok(()));
        assert_eq!((series(), overrides.reload_state()), (8, (true, 2)));
        write("overrides: {}");
        assert_eq!(overrides.reload(), Ok(()));
        assert_eq!(series(), Limits::default().max_query_series);
    }
}
