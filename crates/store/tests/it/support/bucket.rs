//! Buckets for tests: in this process, or in the server that `SKALD_TEST_S3_ENDPOINT` names.

use super::s3::Server;
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use skald_store::{BucketLocation, ObjectOptions, Options};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A client of a bucket.
pub fn bucket(endpoint: &str, name: &str) -> Arc<dyn ObjectStore> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(name)
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(true)
                .with_timeout_disabled(),
        )
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        });
    Arc::new(builder.build().expect("the options are complete"))
}

/// How to keep parts there, with waits short enough for tests and nothing kept on disk.
pub fn objects(storage: Arc<dyn ObjectStore>) -> ObjectOptions {
    ObjectOptions {
        cache_bytes: 0,
        timeout: Duration::from_secs(20),
        attempts: 12,
        backoff: Duration::from_millis(1),
        removal_grace: Duration::ZERO,
        ..ObjectOptions::new(BucketLocation::Given(storage))
    }
}

/// A store in a folder, its parts in the bucket.
pub fn options(data: &Path, objects: ObjectOptions) -> Options {
    Options {
        background: false,
        objects: Some(objects),
        ..Options::new(data)
    }
}

/// The bucket of a folder: on the server that `SKALD_TEST_S3_ENDPOINT` names, or on one in this
/// process.
pub fn of_folder(data: &Path) -> Arc<dyn ObjectStore> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    // tempfile's names begin with a dot and have capitals, which a bucket's must not.
    let folder = data
        .file_name()
        .and_then(|n| n.to_str())
        .expect("test folders have names");
    let name: String = folder.bytes().map(|byte| format!("{byte:02x}")).collect();
    match std::env::var("SKALD_TEST_S3_ENDPOINT") {
        Ok(endpoint) => {
            ureq::put(format!("{endpoint}/{name}"))
                .send_empty()
                .expect("the server makes buckets");
            bucket(&endpoint, &name)
        }
        Err(_) => bucket(&SERVER.get_or_init(Server::start).endpoint, &name),
    }
}
