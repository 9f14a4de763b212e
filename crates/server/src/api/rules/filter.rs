//! Filters of the Prometheus view: which groups, which rules, and how many at once.

use crate::api::params::Params;
use crate::error::ApiError;
use crate::wire::rules::Alerts;
use ring::digest::{SHA256, digest};
use skald_model::{Labels, Matcher};
use skald_ruler::view::{GroupView, RuleView};
use std::fmt::Write;

/// What a request asks for; names are taken with brackets, as Prometheus has them, and without, as
/// Loki does.
#[derive(Debug, Default)]
pub(super) struct Filter {
    kind: Option<Kind>,
    rules: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    selectors: Vec<Vec<Matcher>>,
    /// Whether rules are shown with their alerts.
    pub(super) alerts: Alerts,
    page: Option<Page>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alert,
    Record,
}

#[derive(Debug)]
struct Page {
    limit: usize,
    token: String,
}

/// Groups that a request gets, and how to ask for those after them.
pub(super) struct Chosen<'a> {
    /// Each with the rules that were asked for.
    pub(super) groups: Vec<(&'a GroupView, Vec<&'a RuleView>)>,
    /// Names the group that comes next.
    pub(super) next_token: Option<String>,
}

impl Filter {
    /// Reads the parameters; the error says which can't be used.
    pub(super) fn of(params: &Params) -> Result<Filter, ApiError> {
        let kind = match params.get("type").to_ascii_lowercase().as_str() {
            "" => None,
            "alert" => Some(Kind::Alert),
            "record" => Some(Kind::Record),
            _ => {
                let text = format!("not supported value {:?}", params.get("type"));
                return Err(ApiError::bad(text));
            }
        };
        let all = |names: &[&str]| {
            let values = params.all(names).filter(|value| !value.is_empty());
            values.map(str::to_owned).collect::<Vec<_>>()
        };
        let selectors = params.all(&["match[]", "match"]).map(selector);
        let excludes = matches!(params.get("exclude_alerts"), "true" | "1" | "t");
        Ok(Filter {
            kind,
            rules: all(&["rule_name", "rule_name[]"]),
            groups: all(&["rule_group", "rule_group[]"]),
            files: all(&["file", "file[]"]),
            selectors: selectors.collect::<Result<_, _>>()?,
            alerts: match excludes {
                true => Alerts::Hidden,
                false => Alerts::Shown,
            },
            page: page(params)?,
        })
    }

    /// What is asked for of all groups, which are sorted by file and name. Groups without rules are
    /// left out.
    pub(super) fn choose<'a>(&self, groups: &'a [GroupView]) -> Result<Chosen<'a>, ApiError> {
        let mut chosen = Chosen {
            groups: Vec::new(),
            next_token: None,
        };
        let mut begun = self.page.as_ref().is_none_or(|page| page.token.is_empty());
        for view in groups {
            if let Some(page) = &self.page
                && !begun
            {
                begun = token(view) == page.token;
                if !begun {
                    continue;
                }
            }
            let rules = self.rules_of(view);
            if rules.is_empty() {
                continue;
            }
            if self
                .page
                .as_ref()
                .is_some_and(|page| chosen.groups.len() == page.limit)
            {
                chosen.next_token = Some(token(view));
                break;
            }
            chosen.groups.push((view, rules));
        }
        match (&self.page, begun) {
            (Some(page), false) => Err(ApiError::bad(format!(
                "invalid group_next_token '{}'. were rule groups changed?",
                page.token
            ))),
            _ => Ok(chosen),
        }
    }

    fn rules_of<'a>(&self, view: &'a GroupView) -> Vec<&'a RuleView> {
        let wanted = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| wanted == name)
        };
        if !wanted(&self.groups, &view.group.name) || !wanted(&self.files, &view.namespace) {
            return Vec::new();
        }
        let rules = view.rules.iter().filter(|rule| {
            let kind = match rule.rule.alert() {
                Some(_) => Kind::Alert,
                None => Kind::Record,
            };
            self.kind.is_none_or(|wanted| wanted == kind)
                && wanted(&self.rules, &rule.rule.name)
                && self.selects(view, rule)
        });
        rules.collect()
    }

    fn selects(&self, view: &GroupView, rule: &RuleView) -> bool {
        if self.selectors.is_empty() {
            return true;
        }
        let labels = Labels::from_pairs(view.group.labels_of(&rule.rule));
        let fits = |matcher: &Matcher| matcher.matches(labels.get(&matcher.name).unwrap_or(""));
        self.selectors
            .iter()
            .any(|matchers| matchers.iter().all(fits))
    }
}

fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let selector =
        skald_logql::parse_selector(text).map_err(|error| ApiError::bad(error.message))?;
    let matchers = selector.matchers.iter();
    let matchers = matchers.map(|m| Matcher::new(&m.name, m.op, &m.value));
    let matchers: Result<_, _> = matchers.collect();
    matchers.map_err(|error| ApiError::bad(error.to_string()))
}

fn page(params: &Params) -> Result<Option<Page>, ApiError> {
    let first = |names: &[&str]| params.all(names).next().unwrap_or("").to_owned();
    let limit = first(&["group_limit", "max_groups"]);
    let token = first(&["group_next_token", "next_token"]);
    match (limit.is_empty(), token.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(ApiError::bad(
            "group_limit needs to be present in order to paginate over the groups",
        )),
        (false, _) => {
            let read: i64 = limit.parse().map_err(|_| {
                ApiError::bad(format!("group_limit needs to be a valid number: {limit:?}"))
            })?;
            let limit = usize::try_from(read).ok().filter(|limit| *limit > 0);
            let limit =
                limit.ok_or_else(|| ApiError::bad("group_limit needs to be greater than 0"))?;
            Ok(Some(Page { limit, token }))
        }
    }
}

/// Names a group in a token, as Prometheus does.
fn token(view: &GroupView) -> String {
    let name = format!("{};{}", view.namespace, view.group.name);
    let mut token = String::new();
    for byte in digest(&SHA256, name.as_bytes()).as_ref() {
        write!(token, "{byte:02x}").expect("writing to memory does not fail");
    }
    token
}
