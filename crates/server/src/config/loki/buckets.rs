//! The bucket that a file written for Loki describes, as settings of `storage_config.object_store`.
//!
//! Loki describes a bucket in several places, of which `schema_config` names the cloud that counts.
//! A file that means a bucket without naming one is refused, so that nobody's entries stay on a
//! disk unnoticed; a switch that can't be had is reported, as everywhere. Entries are put under
//! [`PREFIX`]: the bucket may hold Loki's own chunks.

use crate::config::file::Line;
use crate::config::loki::s3_url::S3Url;
use crate::config::loki::unsupported::Fate;
use crate::config::setting::Setting;
use crate::config::storage::ObjectStoreConfig;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;

/// Where in Loki's bucket our objects lie.
const PREFIX: &str = "skald";

/// A closed set: clouds that both have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cloud {
    S3,
    Google,
    Azure,
}

impl Cloud {
    /// The keys of a section that name its bucket.
    fn name_keys(self, section: &str) -> &'static str {
        match self {
            Cloud::S3 if section.contains("object_store.") => "bucket_name",
            Cloud::S3 => "bucketnames, or s3 with the name in its path",
            Cloud::Google => "bucket_name",
            Cloud::Azure => "container_name",
        }
    }
}

/// Sections that describe a bucket, the first one counts: the newer client's, then what is said for
/// storage, then what is said for everything.
const SECTIONS: [(&str, Cloud); 12] = [
    ("storage_config.object_store.s3.", Cloud::S3),
    ("storage_config.object_store.gcs.", Cloud::Google),
    ("storage_config.object_store.azure.", Cloud::Azure),
    ("common.storage.object_store.s3.", Cloud::S3),
    ("common.storage.object_store.gcs.", Cloud::Google),
    ("common.storage.object_store.azure.", Cloud::Azure),
    ("storage_config.aws.", Cloud::S3),
    ("storage_config.gcs.", Cloud::Google),
    ("storage_config.azure.", Cloud::Azure),
    ("common.storage.s3.", Cloud::S3),
    ("common.storage.gcs.", Cloud::Google),
    ("common.storage.azure.", Cloud::Azure),
];

/// One section: its settings without its name.
struct Section<'v> {
    name: &'static str,
    cloud: Cloud,
    fields: Vec<(&'v str, String)>,
}

impl<'v> Section<'v> {
    fn of(name: &'static str, cloud: Cloud, leaves: &'v [(String, &Value)]) -> Section<'v> {
        let own = leaves
            .iter()
            .filter_map(|(leaf, value)| Some((leaf.strip_prefix(name)?, value)));
        // A list or a mapping is no value of any of these; it counts as nothing.
        let fields = own
            .map(|(field, value)| (field, String::read(value).unwrap_or_default()))
            .collect();
        Section {
            name,
            cloud,
            fields,
        }
    }

    /// A value; empty when it is not there.
    fn get(&self, field: &str) -> &str {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map_or("", |(_, value)| value)
    }

    /// The first of these that has a value.
    fn first(&self, fields: &[&str]) -> &str {
        fields
            .iter()
            .map(|field| self.get(field))
            .find(|value| !value.is_empty())
            .unwrap_or("")
    }

    fn names_bucket(&self) -> bool {
        !self
            .first(&["s3", "bucketnames", "bucket_name", "container_name"])
            .is_empty()
    }
}

/// Takes the bucket that the file describes; reports what became of each name of the sections that
/// describe one. A bucket named by `storage_config.object_store.url` in the same file stands above.
pub(in crate::config) fn take(
    config: &mut ObjectStoreConfig,
    leaves: &[(String, &Value)],
) -> Result<BTreeMap<String, Line>, String> {
    let sections: Vec<Section<'_>> = SECTIONS
        .iter()
        .map(|(name, cloud)| Section::of(name, *cloud, leaves))
        .filter(|s| !s.fields.is_empty())
        .collect();
    let named_here = leaves
        .iter()
        .any(|(name, value)| name == "storage_config.object_store.url" && !is_empty(value));
    let chosen = if named_here {
        None
    } else {
        choose(&sections, leaves)?
    };
    let mut lines = BTreeMap::new();
    for section in &sections {
        let is_chosen = chosen.is_some_and(|chosen| chosen.name == section.name);
        for (field, value) in &section.fields {
            let name = format!("{}{field}", section.name);
            let line = if is_chosen {
                describe(section.cloud, field, value, name.clone())
            } else {
                Line::Loki(
                    name.clone(),
                    Fate::NotNeeded("it is not where entries are kept"),
                )
            };
            lines.insert(name, line);
        }
    }
    if let Some(section) = chosen {
        map(config, section).map_err(|error| format!("{}{error}", section.name))?;
    }
    Ok(lines)
}

fn is_empty(value: &Value) -> bool {
    String::read(value).is_ok_and(|text| text.is_empty())
}

/// The section that counts; `None` when entries are to stay on the disk.
fn choose<'s, 'v>(
    sections: &'s [Section<'v>],
    leaves: &[(String, &Value)],
) -> Result<Option<&'s Section<'v>>, String> {
    let wanted = match schema_store(leaves).as_deref() {
        Some("s3" | "aws") => Some(Cloud::S3),
        Some("gcs" | "gcp") => Some(Cloud::Google),
        Some("azure") => Some(Cloud::Azure),
        Some(_) => return Ok(None),
        None => None,
    };
    let of_cloud = |section: &&Section<'_>| wanted.is_none_or(|wanted| section.cloud == wanted);
    let mut named = sections
        .iter()
        .filter(|section| section.names_bucket())
        .filter(of_cloud);
    let Some(first) = named.next() else {
        let described = sections.iter().find(of_cloud).filter(|_| wanted.is_some());
        let nameless = |section: &Section<'_>| {
            Err(format!(
                "{}* describes a bucket without its name: give {}",
                section.name,
                section.cloud.name_keys(section.name)
            ))
        };
        return described.map_or(Ok(None), nameless);
    };
    match named.find(|other| other.cloud != first.cloud) {
        Some(other) => Err(format!(
            "{}* and {}* describe buckets and no schema_config says which counts: set storage_config.object_store.url",
            first.name, other.name
        )),
        None => Ok(Some(first)),
    }
}

/// The object store of the last period of `schema_config`.
fn schema_store(leaves: &[(String, &Value)]) -> Option<String> {
    let (_, periods) = leaves
        .iter()
        .find(|(name, _)| name == "schema_config.configs")?;
    let last = periods.as_sequence()?.last()?;
    last.get("object_store")?.as_str().map(str::to_owned)
}

/// Sets what the section says; the error begins with the field.
fn map(config: &mut ObjectStoreConfig, section: &Section<'_>) -> Result<(), String> {
    let insecure = is_on(section.get("insecure"));
    let scheme = match section.cloud {
        Cloud::S3 => "s3",
        Cloud::Google => "gs",
        Cloud::Azure => "az",
    };
    let mut bucket = section
        .first(&["bucketnames", "bucket_name", "container_name"])
        .to_owned();
    config.region = section.get("region").to_owned();
    config.access_key_id = section.first(&["access_key_id", "account_name"]).to_owned();
    config.secret_access_key.0 = section
        .first(&["secret_access_key", "account_key", "service_account"])
        .to_owned();
    config.endpoint = with_scheme(section.get("endpoint"), insecure);
    if section.cloud == Cloud::Azure && !section.get("endpoint_suffix").is_empty() {
        config.endpoint = format!(
            "https://{}.{}",
            config.access_key_id,
            section.get("endpoint_suffix")
        );
    }
    if !section.get("s3").is_empty() {
        let url = S3Url::parse(section.get("s3")).map_err(|why| format!("s3: {why}"))?;
        let fill = |setting: &mut String, value: String| {
            if setting.is_empty() {
                *setting = value;
            }
        };
        fill(&mut bucket, url.bucket);
        fill(&mut config.region, url.region);
        fill(&mut config.endpoint, url.endpoint);
        if config.access_key_id.is_empty() {
            (config.access_key_id, config.secret_access_key.0) = (url.id, url.secret);
        }
    }
    config.allow_http = config.endpoint.starts_with("http://");
    if bucket.trim_matches('/').is_empty() {
        return Err("s3: the URL names no bucket".to_owned());
    }
    if bucket.contains(',') {
        return Err(format!(
            "bucketnames: entries are kept in one bucket, found {bucket:?}"
        ));
    }
    if section.cloud == Cloud::S3
        && config.access_key_id.is_empty() != config.secret_access_key.0.is_empty()
    {
        return Err("access_key_id: it goes together with secret_access_key".to_owned());
    }
    config.url = format!("{scheme}://{}/{PREFIX}", bucket.trim_matches('/'));
    Ok(())
}

/// Whether a value is a boolean that is true.
fn is_on(text: &str) -> bool {
    bool::read(&Value::from(text)).unwrap_or(false)
}

/// An endpoint as a URL, which Loki takes without a scheme.
fn with_scheme(endpoint: &str, insecure: bool) -> String {
    match endpoint {
        "" => String::new(),
        endpoint if endpoint.contains("://") => endpoint.to_owned(),
        endpoint if insecure => format!("http://{endpoint}"),
        endpoint => format!("https://{endpoint}"),
    }
}

/// What becomes of one name of the section that counts.
fn describe(cloud: Cloud, field: &str, value: &str, name: String) -> Line {
    let not_needed = |why| Line::Loki(name.clone(), Fate::NotNeeded(why));
    let missing = |why| Line::Loki(name.clone(), Fate::Missing(why));
    let mapped = |target: &str| {
        let note = format!("as storage_config.object_store.{target}");
        Line::Noted(name.clone(), note)
    };
    match (cloud, field) {
        _ if value.is_empty() || bool::read(&Value::from(value)) == Ok(false) => {
            not_needed("it says nothing")
        }
        (_, field) if field.starts_with("dynamodb") => {
            missing("entries are kept on the disk or in a bucket, not in a database")
        }
        (_, "s3") => mapped("url, region, endpoint, access_key_id and secret_access_key"),
        (Cloud::S3, "bucketnames" | "bucket_name")
        | (Cloud::Google, "bucket_name")
        | (Cloud::Azure, "container_name") => mapped("url"),
        (Cloud::S3, "endpoint") | (Cloud::Azure, "endpoint_suffix") => mapped("endpoint"),
        (Cloud::S3, "region") => mapped("region"),
        (Cloud::S3, "insecure") => mapped("allow_http"),
        (Cloud::S3, "access_key_id") | (Cloud::Azure, "account_name") => mapped("access_key_id"),
        (Cloud::S3, "secret_access_key")
        | (Cloud::Azure, "account_key")
        | (Cloud::Google, "service_account") => mapped("secret_access_key"),
        (Cloud::S3, "s3forcepathstyle" | "bucket_lookup_type") => {
            not_needed("buckets are named in the path")
        }
        (Cloud::S3, "signature_version") => not_needed("requests are signed by version 4"),
        (Cloud::S3, "session_token") => {
            missing("give it in AWS_SESSION_TOKEN, with the keys in the environment too")
        }
        (Cloud::S3, "storage_class") => missing("objects get the bucket's default class"),
        (Cloud::S3, _) if field.starts_with("sse") => {
            missing("objects get the bucket's default encryption")
        }
        (Cloud::Azure, "environment") if value == "AzureGlobal" => not_needed("it is the default"),
        (Cloud::Azure, "environment") => missing("name the cloud with endpoint_suffix"),
        (Cloud::Azure, "use_managed_identity") => not_needed("it is tried when there is no key"),
        (Cloud::Azure, "connection_string" | "sas_token") => {
            missing("give account_name and account_key")
        }
        (Cloud::Azure, "use_service_principal" | "client_id" | "client_secret" | "tenant_id") => {
            missing("give AZURE_CLIENT_ID, AZURE_CLIENT_SECRET and AZURE_TENANT_ID")
        }
        (_, "http_config.insecure_skip_verify" | "http.insecure_skip_verify") => {
            missing("certificates are always checked")
        }
        (_, field) if field.starts_with("http") && field.ends_with("ca_file") => {
            missing("add it to the system's certificates")
        }
        _ => not_needed("it steers Loki's client"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, check, file};

    fn read(text: &str) -> Result<ObjectStoreConfig, String> {
        let mut config = Config::default();
        file::apply(&mut config, text, &[], |_| None).map_err(|error| error.to_string())?;
        Ok(config.object_store)
    }

    /// URL, endpoint, region, whether HTTP is allowed, id, secret.
    fn taken(text: &str) -> Result<(String, String, String, bool, String, String), String> {
        let c = read(text)?;
        Ok((
            c.url,
            c.endpoint,
            c.region,
            c.allow_http,
            c.access_key_id,
            c.secret_access_key.0,
        ))
    }

    fn check(text: &str, expected: Result<(&str, &str, &str, bool, &str, &str), &str>) {
        let expected = expected.map(|(u, e, r, http, id, s)| {
            (
                u.to_owned(),
                e.to_owned(),
                r.to_owned(),
                http,
                id.to_owned(),
                s.to_owned(),
            )
        });
        assert_eq!(taken(text), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_bucket_of_s3_is_taken_from_its_url_or_its_parts() {
        check(
            "common: {storage: {s3: {s3: 's3://me:a%2Fb@eu-west-1/logs'}}}",
            Ok(("s3://logs/skald", "", "eu-west-1", false, "me", "a/b")),
        );
        check(
            "storage_config: {aws: {s3: 's3://me:pw@minio.local:9000/logs', s3forcepathstyle: true}}",
            Ok((
                "s3://logs/skald",
                "http://minio.local:9000",
                "",
                true,
                "me",
                "pw",
            )),
        );
        check(
            "common: {storage: {s3: {bucketnames: logs, endpoint: 'minio:9000', insecure: true, access_key_id: k, secret_access_key: s}}}",
            Ok(("s3://logs/skald", "http://minio:9000", "", true, "k", "s")),
        );
        check(
            "storage_config: {aws: {bucketnames: logs, endpoint: s3.eu-west-1.amazonaws.com, region: eu-west-1}}",
            Ok((
                "s3://logs/skald",
                "https://s3.eu-west-1.amazonaws.com",
                "eu-west-1",
                false,
                "",
                "",
            )),
        );
        check(
            "storage_config: {use_thanos_objstore: true, object_store: {s3: {bucket_name: logs, region: r}}}",
            Ok(("s3://logs/skald", "", "r", false, "", "")),
        );
    }

    #[test]
    fn buckets_of_other_clouds_are_taken() {
        check(
            "storage_config: {gcs: {bucket_name: logs, service_account: '{}'}}",
            Ok(("gs://logs/skald", "", "", false, "", "{}")),
        );
        check(
            "common: {storage: {azure: {container_name: logs, account_name: me, account_key: k, endpoint_suffix: blob.core.cloudapi.de}}}",
            Ok((
                "az://logs/skald",
                "https://me.blob.core.cloudapi.de",
                "",
                false,
                "me",
                "k",
            )),
        );
    }

    #[test]
    fn the_schema_tells_which_bucket_counts() {
        let schema = |store: &str| {
            format!(
                "schema_config: {{configs: [{{object_store: aws}}, {{object_store: {store}}}]}}\n"
            )
        };
        let two = "storage_config: {aws: {bucketnames: a}, gcs: {bucket_name: b}}\n";
        let url = |text: &str| read(text).map(|c| c.url);
        assert_eq!(
            url(&format!("{}{two}", schema("gcs"))),
            Ok("gs://b/skald".to_owned())
        );
        assert_eq!(
            url(&format!("{}{two}", schema("filesystem"))),
            Ok(String::new())
        );
        assert!(url(two).is_err_and(|e| {
            e.starts_with("storage_config.aws.* and storage_config.gcs.* describe buckets")
        }));
        let ours = "storage_config: {object_store: {url: 's3://ours'}, aws: {bucketnames: a}}";
        assert_eq!(url(ours), Ok("s3://ours".to_owned()));
        let nameless = format!("{}storage_config: {{aws: {{region: r}}}}", schema("s3"));
        assert_eq!(
            url(&nameless),
            Err("storage_config.aws.* describes a bucket without its name: give bucketnames, or s3 with the name in its path".to_owned())
        );
    }

    #[test]
    fn a_bucket_that_can_not_be_found_refuses_the_file() {
        check(
            "storage_config: {aws: {bucketnames: 'a,b'}}",
            Err("storage_config.aws.bucketnames: entries are kept in one bucket, found \"a,b\""),
        );
        check(
            "storage_config: {aws: {s3: 'inmemory:///a'}}",
            Err("storage_config.aws.s3: expected s3://key:secret@region/bucket"),
        );
        check(
            "storage_config: {aws: {s3: 's3://eu-west-1'}}",
            Err("storage_config.aws.s3: the URL names no bucket"),
        );
        check(
            "common: {storage: {s3: {bucketnames: a, access_key_id: k}}}",
            Err("common.storage.s3.access_key_id: it goes together with secret_access_key"),
        );
    }

    #[test]
    fn the_check_of_a_file_says_what_maps() {
        let text = "auth_enabled: no\nserver: {http_listen_address: '::1'}\ncommon: {storage: {s3: {bucketnames: a, s3forcepathstyle: true, storage_class: GLACIER, sse_encryption: false}}}";
        let (report, usable) = check::report(text, |_| None);
        assert!(usable);
        assert_eq!(
            report,
            "taken          auth_enabled\n\
             taken          server.http_listen_address\n\
             taken          common.storage.s3.bucketnames: as storage_config.object_store.url\n\
             not needed     common.storage.s3.s3forcepathstyle: buckets are named in the path\n\
             not supported  common.storage.s3.storage_class: objects get the bucket's default class\n\
             not needed     common.storage.s3.sse_encryption: it says nothing\n\
             3 taken, 2 not needed, 1 not supported, 0 unknown\n"
        );
    }
}
