//! Files in the layout of Grafana's provisioning: `provisioning/` for /etc/grafana, and `dashboards/`.

use super::dashboard::Dashboard;
use super::data_source::{DataSources, yaml};
use serde_json::json;
use std::path::Path;

/// Writes below `folder`. `shown` is the folder of dashboards as Grafana sees it. Returns what was
/// written, a line each.
pub(super) fn write(
    folder: &Path,
    shown: &str,
    sources: &DataSources<'_>,
    dashboards: &[&Dashboard],
) -> Result<String, String> {
    let provider = json!({"apiVersion": 1, "providers": [
        {"name": "skald", "type": "file", "options": {"path": shown}},
    ]});
    let mut files = vec![
        (
            "provisioning/datasources/skald.yaml".to_owned(),
            sources.file()?,
        ),
        (
            "provisioning/dashboards/skald.yaml".to_owned(),
            yaml(&provider)?,
        ),
    ];
    for dashboard in dashboards {
        let name = format!("dashboards/{}.json", dashboard.name);
        files.push((name, dashboard.json.to_owned()));
    }
    let mut said = String::new();
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().expect("each file is in a folder");
        let failed = |error| format!("writing {}: {error}", path.display());
        std::fs::create_dir_all(parent).map_err(failed)?;
        std::fs::write(&path, text).map_err(failed)?;
        said.push_str(&format!("{}\n", path.display()));
    }
    Ok(said)
}
