//! The columns of a network flow, whatever wrote it down.
//!
//! Verdicts are Hubble's words: FORWARDED, DROPPED and what else it has.

use crate::decode::decoded::Text;
use std::borrow::Cow;

/// Letters and digits of the random names that Kubernetes makes: no vowels, none that look alike.
const RANDOM: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Letters at the end of a pod's name.
const POD_SUFFIX: usize = 5;

/// One end of a flow. Texts are empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End<'a> {
    pub(crate) namespace: Text<'a>,
    pub(crate) workload: Text<'a>,
    pub(crate) pod: Text<'a>,
    pub(crate) ip: Text<'a>,
    pub(crate) port: Text<'a>,
    /// A name outside of the cluster: of the DNS, of a set of networks.
    pub(crate) name: Text<'a>,
}

/// A flow. Texts are empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow<'a> {
    pub(crate) src: End<'a>,
    pub(crate) dst: End<'a>,
    pub(crate) protocol: Text<'a>,
    pub(crate) verdict: Text<'a>,
    pub(crate) bytes: Text<'a>,
    pub(crate) packets: Text<'a>,
    /// `EGRESS` or `INGRESS`, seen from who reports it.
    pub(crate) direction: Text<'a>,
    /// Which end reports it: `Src` or `Dst`.
    pub(crate) reporter: Text<'a>,
    /// What else there is to say, under names of its own.
    pub(crate) more: Vec<(&'static str, Text<'a>)>,
}

impl<'a> Flow<'a> {
    /// Columns with their names; those without a value are left out.
    pub(crate) fn into_columns(self) -> impl Iterator<Item = (&'static str, Text<'a>)> {
        let (src, dst) = (self.src, self.dst);
        let columns = [
            ("src_namespace", src.namespace),
            ("src_workload", src.workload),
            ("src_pod", src.pod),
            ("src_ip", src.ip),
            ("src_port", src.port),
            ("src_name", src.name),
            ("dst_namespace", dst.namespace),
            ("dst_workload", dst.workload),
            ("dst_pod", dst.pod),
            ("dst_ip", dst.ip),
            ("dst_port", dst.port),
            ("dst_name", dst.name),
            ("protocol", self.protocol),
            ("verdict", self.verdict),
            ("bytes", self.bytes),
            ("packets", self.packets),
            ("direction", self.direction),
            ("reporter", self.reporter),
        ];
        let columns = columns.into_iter().chain(self.more);
        columns.filter(|(_, value)| !value.is_empty())
    }
}

/// Which end reports a flow that goes in a direction.
pub(crate) fn reporter_of(direction: &[u8]) -> Text<'static> {
    match direction {
        b"EGRESS" => Cow::Borrowed(b"Src"),
        b"INGRESS" => Cow::Borrowed(b"Dst"),
        _ => Cow::Borrowed(b""),
    }
}

/// The workload that a pod belongs to, by its name: without what Deployments, DaemonSets,
/// StatefulSets and Jobs append. `web-*` stands for all pods of `web`.
pub(crate) fn workload_of(pod: &[u8]) -> &[u8] {
    if let Some(name) = pod.strip_suffix(b"-*") {
        return without_hash(name);
    }
    match split_last(pod) {
        Some((name, end)) if end.len() == POD_SUFFIX && is_random(end) => without_hash(name),
        Some((name, end)) if !name.is_empty() && end.iter().all(u8::is_ascii_digit) => name,
        _ => pod,
    }
}

/// The name of a ReplicaSet without the hash of its template.
fn without_hash(name: &[u8]) -> &[u8] {
    match split_last(name) {
        Some((name, end)) if (6..=10).contains(&end.len()) && is_random(end) => name,
        _ => name,
    }
}

/// A name before and after its last hyphen.
fn split_last(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(b'-', name)?;
    Some((&name[..at], &name[at + 1..])).filter(|(name, end)| !name.is_empty() && !end.is_empty())
}

fn is_random(text: &[u8]) -> bool {
    text.iter().all(|byte| RANDOM.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_tells_its_workload() {
        for (pod, want) in [
            ("web-7c5ddbdf54-x2k9p", "web"),
            ("shop-web-7c5ddbdf54-*", "shop-web"),
            ("traffic-generator-9b649846d-bxqfc", "traffic-generator"),
            ("node-agent-x2k9p", "node-agent"),
            ("node-agent-*", "node-agent"),
            ("db-0", "db"),
            ("db-12", "db"),
            ("agent-probe", "agent-probe"),
            ("corp-prod-target", "corp-prod-target"),
            ("web", "web"),
            ("-0", "-0"),
            ("", ""),
            ("*", "*"),
        ] {
            let got = workload_of(pod.as_bytes());
            assert_eq!(got, want.as_bytes(), "{pod}");
        }
    }
}
