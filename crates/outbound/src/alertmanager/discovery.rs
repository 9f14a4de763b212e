//! Discovery finds Alertmanagers by SRV records.

use super::config::AlertmanagerConfig;
use crate::dns::Resolver;
use crate::http::TargetUrl;

/// Asks DNS for the Alertmanagers of a configuration.
pub(crate) struct Discovery {
    resolver: Resolver,
}

impl Discovery {
    /// With the system's DNS servers, or one that is named.
    pub(crate) fn new(config: &AlertmanagerConfig) -> Discovery {
        Discovery {
            resolver: Resolver::new(config.nameserver),
        }
    }

    /// The targets that the addresses' hosts stand for now, sorted; an error when one can't be looked up.
    pub(crate) async fn targets(&self, urls: &[TargetUrl]) -> Result<Vec<TargetUrl>, String> {
        let mut found = Vec::new();
        for url in urls {
            let host = url.url().host_str().unwrap_or_default();
            let records = self.resolver.srv(host).await;
            let records = records
                .map_err(|error| format!("looking up the SRV records of {host}: {error}"))?;
            // An empty target says that the service is not there.
            let there = records.iter().filter(|srv| !srv.target.is_empty());
            found.extend(there.filter_map(|srv| url.at(&srv.target, srv.port)));
        }
        found.sort_by_key(TargetUrl::name);
        found.dedup_by_key(|target| target.name());
        Ok(found)
    }
}
