//! Edges of the map: flows that were counted by their ends, united by who talks to whom.
//!
//! Both ends of a connection may report it. Reports of one kind of flow (ends and verdict) count as
//! often as the end that reported more of them says.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Namespace,
    Workload,
    Pod,
}

impl By {
    /// The word of the parameter; `None` for one there is not.
    pub(super) fn parse(word: &str) -> Option<By> {
        match word {
            "" | "workload" => Some(By::Workload),
            "namespace" => Some(By::Namespace),
            "pod" => Some(By::Pod),
            _ => None,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            By::Namespace => "namespace",
            By::Workload => "workload",
            By::Pod => "pod",
        }
    }

    /// The columns of an end that flows are counted by.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            By::Namespace | By::Workload => &["namespace", "workload"],
            By::Pod => &["namespace", "workload", "pod"],
        }
    }
}

/// One end, as its columns name it. Texts are empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) namespace: String,
    pub(super) workload: String,
    pub(super) pod: String,
}

impl Node {
    /// As much of it as tells nodes from one another. What has no namespace is outside of the
    /// cluster, and told by its name whatever nodes are.
    fn folded(self, by: By) -> Node {
        match by {
            By::Namespace if !self.namespace.is_empty() => Node {
                namespace: self.namespace,
                ..Node::default()
            },
            By::Pod => self,
            By::Namespace | By::Workload => Node {
                pod: String::new(),
                ..self
            },
        }
    }

    /// `shop/web`, `shop`, `world`.
    fn id(&self) -> String {
        let name = match (&self.pod, &self.workload) {
            (pod, _) if !pod.is_empty() => pod,
            (_, workload) => workload,
        };
        match (&*self.namespace, &**name) {
            ("", "") => "unknown".to_owned(),
            ("", name) => name.to_owned(),
            (namespace, "") => namespace.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id(),
            "namespace": self.namespace,
            "workload": self.workload,
            "pod": self.pod,
        })
    }

    /// The label filters that find it; `end` is `src` or `dst`.
    fn filters(&self, end: &str, by: By) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let mut out = format!(" | {end}_namespace={}", quoted(&self.namespace));
        if by != By::Namespace || self.namespace.is_empty() {
            out += &format!(" | {end}_workload={}", quoted(&self.workload));
        }
        if by == By::Pod {
            out += &format!(" | {end}_pod={}", quoted(&self.pod));
        }
        out
    }
}

/// Flows of one kind that one end reported.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amount {
    pub(super) flows: f64,
    pub(super) bytes: f64,
}

/// A kind of flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) source: Node,
    pub(super) target: Node,
    pub(super) verdict: String,
}

/// Counts by kind, and by who reported.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<Kind, BTreeMap<String, Amount>>);

/// All that goes from one node to another.
#[derive(Debug, Default)]
struct Edge {
    verdicts: BTreeMap<String, f64>,
    flows: f64,
    bytes: f64,
}

impl Counts {
    /// The amount of a kind that one end reported.
    pub(super) fn amount(&mut self, kind: Kind, reporter: &str) -> &mut Amount {
        let reports = self.0.entry(kind).or_default();
        reports.entry(reporter.to_owned()).or_default()
    }

    /// Nodes and edges as JSON; `base` is the log query of all flows.
    pub(super) fn json(self, by: By, base: &str) -> (Vec<Value>, Vec<Value>) {
        let mut edges: BTreeMap<(Node, Node), Edge> = BTreeMap::new();
        for (kind, reports) in self.0 {
            let ends = (kind.source.folded(by), kind.target.folded(by));
            let edge = edges.entry(ends).or_default();
            let most = |of: fn(&Amount) -> f64| reports.values().map(of).fold(0.0, f64::max);
            let flows = most(|amount| amount.flows);
            edge.flows += flows;
            edge.bytes += most(|amount| amount.bytes);
            *edge.verdicts.entry(kind.verdict).or_default() += flows;
        }
        let mut nodes: BTreeMap<&Node, ()> = BTreeMap::new();
        for (source, target) in edges.keys() {
            nodes.insert(source, ());
            nodes.insert(target, ());
        }
        let nodes = nodes.keys().map(|node| node.json()).collect();
        let whole = |number: f64| number as u64;
        let edges = edges.iter().map(|((source, target), edge)| {
            let verdicts = edge.verdicts.iter();
            let verdicts: BTreeMap<&String, u64> = verdicts.map(|(v, n)| (v, whole(*n))).collect();
            let (from, to) = (source.filters("src", by), target.filters("dst", by));
            json!({
                "source": source.id(),
                "target": target.id(),
                "count": whole(edge.flows),
                "bytes": whole(edge.bytes),
                "verdicts": verdicts,
                "query": format!("{base}{from}{to}"),
            })
        });
        (nodes, edges.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(namespace: &str, workload: &str) -> Node {
        Node {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            pod: String::new(),
        }
    }

    fn counts() -> Counts {
        let mut counts = Counts::default();
        let mut add = |source: &Node, target: &Node, verdict: &str, reporter: &str, amount| {
            let kind = Kind {
                source: source.clone(),
                target: target.clone(),
                verdict: verdict.to_owned(),
            };
            *counts.amount(kind, reporter) = amount;
        };
        let (web, db, world) = (node("shop", "web"), node("data", "db"), node("", "world"));
        let amount = |flows, bytes| Amount { flows, bytes };
        add(&web, &db, "FORWARDED", "Src", amount(3.0, 300.0));
        add(&web, &db, "FORWARDED", "Dst", amount(2.0, 310.0));
        add(&web, &db, "DROPPED", "Src", amount(1.0, 0.0));
        add(&web, &world, "FORWARDED", "Src", amount(5.0, 50.0));
        add(&node("shop", "api"), &db, "FORWARDED", "", amount(1.0, 1.0));
        counts
    }

    #[test]
    fn two_reports_of_a_flow_count_once() {
        let (nodes, edges) = counts().json(By::Workload, "{a=\"b\"}");
        assert_eq!(nodes.len(), 4);
        assert_eq!(
            edges[1],
            json!({
                "source": "shop/web", "target": "world", "count": 5, "bytes": 50,
                "verdicts": {"FORWARDED": 5},
                "query": "{a=\"b\"} | src_namespace=\"shop\" | src_workload=\"web\" | dst_namespace=\"\" | dst_workload=\"world\"",
            })
        );
        assert_eq!(edges[2]["target"], "data/db");
        assert_eq!(
            (&edges[2]["count"], &edges[2]["bytes"]),
            (&json!(4), &json!(310))
        );
        assert_eq!(edges[2]["verdicts"], json!({"DROPPED": 1, "FORWARDED": 3}));
    }

    #[test]
    fn namespaces_unite_their_workloads() {
        let (nodes, edges) = counts().json(By::Namespace, "{}");
        let ids: Vec<_> = nodes.iter().map(|node| node["id"].clone()).collect();
        assert_eq!(ids, ["world", "data", "shop"]);
        let found = edges.iter().find(|edge| edge["target"] == "data");
        let found = found.expect("an edge");
        assert_eq!(
            (&found["source"], &found["count"]),
            (&json!("shop"), &json!(5))
        );
        assert_eq!(
            found["query"],
            "{} | src_namespace=\"shop\" | dst_namespace=\"data\""
        );
        assert_eq!(By::parse("node"), None);
    }
}
