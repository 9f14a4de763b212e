//! Where and how the store keeps entries: the data directory, memory, and `storage_config` for a
//! bucket.

use super::limits::to_usize;
use super::setting::{ByteSize, Secret};
use super::{Config, QueryRangeConfig, memory};
use skald_model::TenantId;
use skald_store::{Address, BucketLocation, Credentials, ObjectOptions, Options};
use std::time::Duration;

/// Whose the server's own lines are once there are tenants or tokens. They hold the queries of all
/// tenants, so no client may write there, and a token reads them that names this tenant or is for
/// all.
pub(crate) const OWN_TENANT: &str = "__skald__";

/// `storage_config.object_store`; credentials that are left empty come from the environment
/// variables of each cloud.
#[derive(Clone, Debug)]
pub struct ObjectStoreConfig {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; empty keeps parts
    /// here.
    pub url: String,
    /// Another server than the cloud's own.
    pub endpoint: String,
    /// Region of the bucket.
    pub region: String,
    /// Whether the endpoint may be asked without encryption.
    pub allow_http: bool,
    /// Access key of S3, account of Azure.
    pub access_key_id: String,
    /// Secret access key of S3, access key of Azure, service account of Google as JSON.
    pub secret_access_key: Secret,
    /// Bytes of uploaded parts and fetched ranges kept on the local disk.
    pub cache_size: ByteSize,
    /// Longest time for an answer.
    pub timeout: Duration,
}

impl Default for ObjectStoreConfig {
    fn default() -> ObjectStoreConfig {
        let options = ObjectOptions::new(BucketLocation::Address(Address::default()));
        ObjectStoreConfig {
            url: String::new(),
            endpoint: String::new(),
            region: String::new(),
            allow_http: false,
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            cache_size: ByteSize(options.cache_bytes),
            timeout: options.timeout,
        }
    }
}

impl ObjectStoreConfig {
    /// How the store keeps parts there; `None` when they stay here.
    pub fn options(&self) -> Option<ObjectOptions> {
        if self.url.is_empty() {
            return None;
        }
        let address = Address {
            url: self.url.clone(),
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            allow_http: self.allow_http,
            credentials: Credentials {
                id: self.access_key_id.clone(),
                secret: self.secret_access_key.0.clone(),
            },
        };
        let options = ObjectOptions::new(BucketLocation::Address(address));
        Some(ObjectOptions {
            cache_bytes: self.cache_size.0,
            timeout: self.timeout,
            ..options
        })
    }
}

impl Config {
    /// How to open the store.
    pub fn store_options(&self) -> Options {
        let mut options = Options::new(&self.data);
        options.memory = usize::try_from(self.memory_bytes()).unwrap_or(usize::MAX);
        options.result_cache_bytes = self.query_range.results_bytes();
        options.wal_sync = self.ingester.wal_sync;
        options.wal_bytes = self.ingester.wal_max_size.0;
        options.flush_bytes = to_usize(self.ingester.flush_size);
        options.flush_age = self.ingester.flush_age;
        options.tenants = self.ingester.max_tenants;
        options.own_tenant = self.own_tenant();
        options.open_files = self.descriptors().files;
        options.push_wait = self.ingester.push_wait;
        options.delete_compiler = skald_query::delete_compiler();
        options.delete_cancel_period = self.compactor.delete_request_cancel_period;
        options.objects = self.object_store.options();
        options
    }

    /// The tenant of the server's own logs, where they have one of their own.
    pub fn own_tenant(&self) -> Option<TenantId> {
        let is_own = self.auth_enabled || !self.tokens_file.is_empty();
        is_own.then(|| TenantId::parse(OWN_TENANT).expect("the reserved name is a valid tenant"))
    }

    /// The memory budget in bytes: what is set, or a share of what the machine or container has.
    pub fn memory_bytes(&self) -> u64 {
        if self.memory.0 > 0 {
            self.memory.0
        } else {
            memory::budget_of_machine()
        }
    }
}

impl QueryRangeConfig {
    /// Bytes of results to keep.
    fn results_bytes(&self) -> usize {
        if self.cache_results {
            to_usize(ByteSize(u64::from(self.max_size_mb) << 20))
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_here_until_a_bucket_is_named() {
        assert!(ObjectStoreConfig::default().options().is_none());
        let named = ObjectStoreConfig {
            url: "s3://logs/a".to_owned(),
            ..ObjectStoreConfig::default()
        };
        let location = named.options().map(|o| o.location);
        assert!(
            matches!(location, Some(BucketLocation::Address(address)) if address.url == "s3://logs/a")
        );
    }

    #[test]
    fn the_servers_own_tenant_is_none_of_those_that_are_counted() {
        let mut config = Config::default();
        assert_eq!(
            config.store_options().own_tenant,
            None,
            "its lines are everybody's"
        );
        config.auth_enabled = true;
        let own = config.store_options().own_tenant;
        assert!(own.is_some_and(|tenant| tenant.as_str() == OWN_TENANT));
    }
}
