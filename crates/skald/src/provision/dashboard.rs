//! The dashboards of docker/grafana, which the program carries with it.

/// One dashboard.
#[derive(Debug)]
pub(super) struct Dashboard {
    /// Name of its file without `.json`.
    pub(super) name: &'static str,
    /// Its JSON, as Grafana imports it.
    pub(super) json: &'static str,
}

macro_rules! embedded {
    ($($name:literal),*) => {
        [$(Dashboard {
            name: $name,
            json: include_str!(concat!("../../../../docker/grafana/dashboards/", $name, ".json")),
        }),*]
    };
}

/// All of them.
pub(super) const ALL: [Dashboard; 7] = embedded![
    "access-logs",
    "applications",
    "falco",
    "flows",
    "kubernetes-audit",
    "skald",
    "syslog"
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_file_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/grafana/dashboards");
        let files = std::fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<String> = files
            .map(|file| file.expect("it can be listed").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        let embedded = ALL.map(|dashboard| format!("{}.json", dashboard.name));
        assert_eq!(names, embedded);
    }
}
