//! Noise rules say which Kubernetes audit events are not kept, and under which reason they count.

/// Most rules; every event asks them in turn.
pub const NOISE_RULES_MAX: usize = 100;

/// Events that are dropped. Every list that is not empty has to hold what the event says; a pattern
/// may end in `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoiseRule {
    /// What the dropped events count under.
    pub reason: String,
    /// Names of users.
    pub users: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Resources, as `leases` or, with their subresource, `pods/log`.
    pub resources: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Stages.
    pub stages: Vec<String>,
    /// Audit levels.
    pub levels: Vec<String>,
    /// User agents.
    pub user_agents: Vec<String>,
    /// Paths with their query.
    pub uris: Vec<String>,
}

impl NoiseRule {
    /// Whether it names no property, and so every event.
    pub fn is_empty(&self) -> bool {
        let lists = [
            &self.users,
            &self.verbs,
            &self.resources,
            &self.namespaces,
            &self.stages,
            &self.levels,
            &self.user_agents,
            &self.uris,
        ];
        lists.iter().all(|list| list.is_empty())
    }
}

/// Whether a value fits one of the patterns; no patterns fit everything.
pub(crate) fn fits(patterns: &[String], value: &[u8]) -> bool {
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => value.starts_with(start.as_bytes()),
                None => value == pattern.as_bytes(),
            })
}
