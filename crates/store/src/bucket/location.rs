//! Bucket location: connects to the object storage that an address names.

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where objects are.
#[derive(Clone, Debug)]
pub enum BucketLocation {
    /// A bucket of a cloud.
    Address(Address),
    /// A storage that is already there: what tests bring.
    Given(Arc<dyn ObjectStore>),
}

/// A bucket and how to get to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
    /// Another server than the cloud's own, for what is compatible with it.
    pub endpoint: String,
    /// The region of the bucket, where the cloud has any.
    pub region: String,
    /// Whether the endpoint may be asked without encryption.
    pub allow_http: bool,
    /// Who asks.
    pub credentials: Credentials,
}

/// Who asks; what is empty comes from the environment variables of each cloud.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Access key of S3, account of Azure; nothing for Google.
    pub id: String,
    /// Secret access key of S3, access key of Azure, service account of Google as JSON.
    pub secret: String,
}

impl fmt::Debug for Credentials {
    /// Without the secret: this is what reaches logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A closed set: what the address names.
enum Cloud {
    S3,
    Google,
    Azure,
}

/// Connects lazily: nothing is asked yet.
pub(crate) fn connect(
    address: &Address,
    timeout: Duration,
) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    let (cloud, bucket, prefix) = split(&address.url)?;
    // Several providers may be compiled in, and the TLS library needs one to be chosen. A choice
    // that was made before stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = ClientOptions::new()
        .with_allow_http(address.allow_http)
        .with_timeout_disabled()
        .with_connect_timeout(timeout);
    // Attempts are counted and spaced by our own client.
    let no_retry = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let storage = match cloud {
        Cloud::S3 => s3(address, bucket, options, no_retry),
        Cloud::Google => google(address, bucket, options, no_retry),
        Cloud::Azure => azure(address, bucket, options, no_retry),
    };
    let failed = |e: object_store::Error| format!("object storage {}: {e}", address.url);
    Ok((storage.map_err(failed)?, prefix))
}

type Connected = object_store::Result<Arc<dyn ObjectStore>>;

fn s3(address: &Address, bucket: &str, options: ClientOptions, retry: RetryConfig) -> Connected {
    let Credentials { id, secret } = &address.credentials;
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    if !address.endpoint.is_empty() {
        builder = builder.with_endpoint(&address.endpoint);
    }
    if !address.region.is_empty() {
        builder = builder.with_region(&address.region);
    }
    if !id.is_empty() {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
    }
    let builder = builder.with_client_options(options).with_retry(retry);
    Ok(Arc::new(builder.build()?))
}

fn google(
    address: &Address,
    bucket: &str,
    options: ClientOptions,
    retry: RetryConfig,
) -> Connected {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    if !address.endpoint.is_empty() {
        builder = builder.with_base_url(&address.endpoint);
    }
    if !address.credentials.secret.is_empty() {
        builder = builder.with_service_account_key(&address.credentials.secret);
    }
    let builder = builder.with_client_options(options).with_retry(retry);
    Ok(Arc::new(builder.build()?))
}

fn azure(address: &Address, bucket: &str, options: ClientOptions, retry: RetryConfig) -> Connected {
    let Credentials { id, secret } = &address.credentials;
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
    if !address.endpoint.is_empty() {
        builder = builder.with_endpoint(address.endpoint.clone());
    }
    if !id.is_empty() {
        builder = builder.with_account(id);
    }
    if !secret.is_empty() {
        builder = builder.with_access_key(secret);
    }
    let builder = builder.with_client_options(options).with_retry(retry);
    Ok(Arc::new(builder.build()?))
}

/// Cloud, bucket and prefix of an address.
fn split(url: &str) -> Result<(Cloud, &str, Path), String> {
    let expected = || {
        format!(
            "expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, found {url:?}"
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(expected)?;
    let cloud = match scheme {
        "s3" => Cloud::S3,
        "gs" => Cloud::Google,
        "az" => Cloud::Azure,
        _ => return Err(expected()),
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(expected());
    }
    let prefix =
        Path::parse(prefix.trim_matches('/')).map_err(|e| format!("object storage {url}: {e}"))?;
    Ok((cloud, bucket, prefix))
}

impl Address {
    /// Whether it can be used, without asking anybody.
    pub fn check(&self) -> Result<(), String> {
        split(&self.url).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let credentials = Credentials {
            id: "me".to_owned(),
            secret: "hidden".to_owned(),
        };
        let shown = format!(
            "{:?}",
            Address {
                credentials,
                ..Address::default()
            }
        );
        assert!(
            shown.contains("\"me\"") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    fn check(url: &str, expected: Option<(&str, &str)>) {
        let found = split(url)
            .ok()
            .map(|(_, bucket, prefix)| (bucket.to_owned(), prefix.to_string()));
        assert_eq!(
            found,
            expected.map(|(b, p)| (b.to_owned(), p.to_owned())),
            "{url}"
        );
    }

    #[test]
    fn addresses_name_a_bucket_and_a_prefix() {
        check("s3://logs", Some(("logs", "")));
        check("s3://logs/", Some(("logs", "")));
        check("gs://logs/a/b/", Some(("logs", "a/b")));
        check("az://logs/a", Some(("logs", "a")));
        check("s3:///a", None);
        check("http://logs/a", None);
        check("logs", None);
        check("s3://logs/a//b", None);
    }
}
