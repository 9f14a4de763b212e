//! Where Loki keeps rules, and flags of its ruler: what they are here.

use super::translate::Translation;
use super::unsupported::Fate;
use crate::config::{Config, keys};

/// The directory of rule files.
const DIRECTORY: &str = "ruler.storage.local.directory";

/// Where a file says what kind of storage the directory beside it is for.
const KINDS: [(&str, &str); 2] = [
    ("ruler.storage.type", DIRECTORY),
    ("ruler_storage.backend", "ruler_storage.local.directory"),
];

/// A directory that is one of rules whatever else there is.
const COMMON: &str = "common.storage.filesystem.rules_directory";

/// What to do with rules that lie in a bucket.
pub(super) const IN_A_BUCKET: &str = "rules are kept in the data directory; those in a bucket of Loki's are not \
    read: move them with lokitool or cortextool (rules print, rules load)";

impl Translation<'_> {
    /// The directory of rules, by the names it has had.
    pub(super) fn take_rules(&mut self, config: &mut Config) -> Result<(), String> {
        for (kind, directory) in KINDS {
            let Some(word) = self.get::<String>(kind)?.filter(|word| !word.is_empty()) else {
                continue;
            };
            if word == "local" {
                let folder = self.get::<String>(directory)?.unwrap_or_default();
                config.ruler.storage.directory = folder;
                self.taken(kind, DIRECTORY);
                if directory != DIRECTORY {
                    self.taken(directory, DIRECTORY);
                }
                return Ok(());
            }
            config.ruler.storage.directory = String::new();
            if self.has(directory) {
                self.reported(directory, Fate::NotNeeded("the type of storage is another"));
            }
            self.reported(kind, Fate::Missing(IN_A_BUCKET));
        }
        let folder = self.get::<String>(COMMON)?.unwrap_or_default();
        let is_open = KINDS.iter().all(|(kind, _)| !self.has(kind)) && !self.has(DIRECTORY);
        if !folder.is_empty() && is_open {
            config.ruler.storage.directory = folder;
            self.taken(COMMON, DIRECTORY);
        }
        Ok(())
    }
}

/// Flags whose setting has another name.
const FLAGS: &[(&str, &str)] = &[
    ("ruler-storage.local.directory", DIRECTORY),
    (
        "ruler.alertmanager-discovery",
        "ruler.enable_alertmanager_discovery",
    ),
    ("ruler.external.url", "ruler.external_url"),
    (
        "ruler.max-rule-groups-per-tenant",
        "limits_config.ruler_max_rule_groups_per_tenant",
    ),
    (
        "ruler.max-rules-per-rule-group",
        "limits_config.ruler_max_rules_per_rule_group",
    ),
];

/// The setting of a flag of Loki's ruler.
pub(super) fn setting_of_flag(flag: &str) -> Option<&'static str> {
    if let Some((_, setting)) = FLAGS.iter().find(|(name, _)| *name == flag) {
        return Some(setting);
    }
    let name = flag
        .strip_prefix("ruler.")
        .map(|rest| rest.replace('-', "_"))?;
    keys::find(&format!("ruler.{name}")).map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::loki::flags::{self, Flag};
    use crate::config::{check, file};

    fn directory(text: &str, expected: &str, says: &str) {
        let mut config = Config::default();
        file::apply(&mut config, text, &[], |_| None).expect("the file loads");
        assert_eq!(config.ruler.storage.directory, expected, "{text}");
        let (report, _) = check::report(text, |_| None);
        assert!(report.contains(says), "{text}: {report}");
    }

    #[test]
    fn rules_lie_where_lokis_do() {
        directory(
            "ruler: {storage: {type: local, local: {directory: /rules}}}",
            "/rules",
            "taken          ruler.storage.type: as ruler.storage.local.directory\n",
        );
        directory(
            "ruler_storage: {backend: local, local: {directory: /r}}",
            "/r",
            "taken          ruler_storage.local.directory: as ruler.storage.local.directory\n",
        );
        directory(
            "common: {storage: {filesystem: {rules_directory: /c}}}",
            "/c",
            "taken          common.storage.filesystem.rules_directory: as ruler.storage.local.directory\n",
        );
        directory(
            "ruler: {storage: {type: s3, s3: {bucketnames: b}, local: {directory: /r}}}",
            "",
            "not supported  ruler.storage.* (2 settings): rules are kept in the data directory",
        );
        directory(
            "ruler: {storage: {local: {directory: /own}}}\ncommon: {storage: {filesystem: {rules_directory: /c}}}",
            "/own",
            "taken          ruler.storage.local.directory",
        );
    }

    #[test]
    fn flags_of_the_ruler_are_its_settings() {
        for (flag, setting) in FLAGS.iter().chain(&[
            ("ruler.alertmanager-url", "ruler.alertmanager_url"),
            ("ruler.storage.local.directory", DIRECTORY),
            ("ruler.remote-write.enabled", "ruler.remote_write.enabled"),
            (
                "ruler.alertmanager-client.basic-auth-password",
                "ruler.alertmanager_client.basic_auth_password",
            ),
        ]) {
            assert_eq!(flags::find(flag), Some(Flag::Setting(setting)), "{flag}");
        }
        assert_eq!(flags::find("ruler.rule-path"), Some(Flag::NotNeeded));
        assert_eq!(flags::find("ruler.rule-pth"), None);
    }
}
