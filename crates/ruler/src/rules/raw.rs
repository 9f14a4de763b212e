//! Rule groups as YAML has them, before anything is checked.
//!
//! Read by hand-written seeds, so that a strict reader can name an unknown key, with its line, in
//! the words of Loki's decoder.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use skald_logql::syntax::duration::parse_prometheus;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// What becomes of keys that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownKeys {
    /// They are a fault: files.
    Refused,
    /// They are left out: what clients post.
    Ignored,
}

/// `groups:` and `namespace:` of a document.
#[derive(Debug, Default)]
pub(super) struct RawFile {
    pub(super) namespace: Option<String>,
    pub(super) groups: Vec<RawGroup>,
}

#[derive(Debug, Default)]
pub(super) struct RawGroup {
    /// Of the stored form alone.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) interval: i64,
    pub(super) query_offset: Option<i64>,
    /// Older name of the offset.
    pub(super) evaluation_delay: Option<i64>,
    pub(super) aligned: bool,
    pub(super) limit: i64,
    pub(super) source_tenants: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) rules: Vec<RawRule>,
}

#[derive(Debug, Default)]
pub(super) struct RawRule {
    pub(super) record: String,
    pub(super) alert: String,
    pub(super) expr: String,
    pub(super) hold: i64,
    pub(super) keep_firing_for: i64,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// A mapping with known keys.
pub(super) trait Fields: Default {
    /// The keys.
    const KNOWN: &'static [&'static str];
    /// What Loki's decoder calls it.
    const TYPE: &'static str;

    /// Takes the value of a known key.
    fn take<'de, M: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut M,
        unknown: UnknownKeys,
    ) -> Result<(), M::Error>;
}

impl Fields for RawFile {
    const KNOWN: &'static [&'static str] = &["groups", "namespace"];
    const TYPE: &'static str = "rulefmt.RuleGroups";

    fn take<'de, M: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut M,
        unknown: UnknownKeys,
    ) -> Result<(), M::Error> {
        match key {
            "namespace" => self.namespace = map.next_value()?,
            _ => self.groups = map.next_value_seed(ListSeed::new(unknown))?,
        }
        Ok(())
    }
}

impl Fields for RawGroup {
    const KNOWN: &'static [&'static str] = &[
        "name",
        "interval",
        "query_offset",
        "evaluation_delay",
        "align_evaluation_time_on_interval",
        "limit",
        "source_tenants",
        "labels",
        "rules",
        "namespace",
    ];
    const TYPE: &'static str = "rulefmt.RuleGroup";

    fn take<'de, M: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut M,
        unknown: UnknownKeys,
    ) -> Result<(), M::Error> {
        match key {
            "namespace" => self.namespace = map.next_value()?,
            "name" => self.name = text(map)?,
            "interval" => self.interval = duration(map)?.unwrap_or_default(),
            "query_offset" => self.query_offset = duration(map)?,
            "evaluation_delay" => self.evaluation_delay = duration(map)?,
            "align_evaluation_time_on_interval" => {
                self.aligned = map.next_value::<Option<bool>>()?.unwrap_or_default();
            }
            "limit" => self.limit = map.next_value::<Option<i64>>()?.unwrap_or_default(),
            "source_tenants" => {
                let tenants: Option<Vec<String>> = map.next_value()?;
                self.source_tenants = tenants.unwrap_or_default();
            }
            "labels" => self.labels = map.next_value_seed(PairsSeed)?,
            _ => self.rules = map.next_value_seed(ListSeed::new(unknown))?,
        }
        Ok(())
    }
}

impl Fields for RawRule {
    const KNOWN: &'static [&'static str] = &[
        "record",
        "alert",
        "expr",
        "for",
        "keep_firing_for",
        "labels",
        "annotations",
    ];
    const TYPE: &'static str = "rulefmt.Rule";

    fn take<'de, M: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut M,
        _: UnknownKeys,
    ) -> Result<(), M::Error> {
        match key {
            "record" => self.record = text(map)?,
            "alert" => self.alert = text(map)?,
            "expr" => self.expr = text(map)?,
            "for" => self.hold = duration(map)?.unwrap_or_default(),
            "keep_firing_for" => self.keep_firing_for = duration(map)?.unwrap_or_default(),
            "labels" => self.labels = map.next_value_seed(PairsSeed)?,
            _ => self.annotations = map.next_value_seed(PairsSeed)?,
        }
        Ok(())
    }
}

/// Any scalar as it is written: `severity: 1` is the text `1`.
fn text<'de, M: MapAccess<'de>>(map: &mut M) -> Result<String, M::Error> {
    Ok(map.next_value::<Option<String>>()?.unwrap_or_default())
}

fn duration<'de, M: MapAccess<'de>>(map: &mut M) -> Result<Option<i64>, M::Error> {
    let text: Option<String> = map.next_value()?;
    text.map(|text| parse_prometheus(&text).map_err(M::Error::custom))
        .transpose()
}

/// Reads a mapping of known keys.
pub(super) struct FieldsSeed<T> {
    unknown: UnknownKeys,
    of: PhantomData<T>,
}

impl<T> FieldsSeed<T> {
    pub(super) fn new(unknown: UnknownKeys) -> FieldsSeed<T> {
        FieldsSeed {
            unknown,
            of: PhantomData,
        }
    }
}

impl<'de, T: Fields> DeserializeSeed<'de> for FieldsSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for FieldsSeed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mapping for {}", T::TYPE)
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        let mut fields = T::default();
        let mut seen = Vec::new();
        loop {
            let key = KeySeed {
                known: T::KNOWN,
                of: T::TYPE,
                unknown: self.unknown,
                seen: &seen,
            };
            match map.next_key_seed(key)? {
                None => return Ok(fields),
                Some(None) => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                Some(Some(key)) => {
                    seen.push(key);
                    fields.take(key, &mut map, self.unknown)?;
                }
            }
        }
    }
}

/// Reads a key: `None` for one that is left out.
struct KeySeed<'a> {
    known: &'static [&'static str],
    of: &'static str,
    unknown: UnknownKeys,
    seen: &'a [&'static str],
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key of {}", self.of)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.seen.contains(&key) {
            return Err(E::custom(format_args!(
                "mapping key \"{key}\" is already there"
            )));
        }
        let known = self.known.iter().find(|known| **known == key);
        match (known, self.unknown) {
            (None, UnknownKeys::Refused) => Err(E::custom(format_args!(
                "field {key} not found in type {}",
                self.of
            ))),
            (known, _) => Ok(known.copied()),
        }
    }
}

/// Reads a list of mappings.
struct ListSeed<T> {
    unknown: UnknownKeys,
    of: PhantomData<T>,
}

impl<T> ListSeed<T> {
    fn new(unknown: UnknownKeys) -> ListSeed<T> {
        ListSeed {
            unknown,
            of: PhantomData,
        }
    }
}

impl<'de, T: Fields> DeserializeSeed<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", T::TYPE)
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Vec<T>, S::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element_seed(FieldsSeed::new(self.unknown))? {
            all.push(one);
        }
        Ok(all)
    }
}

/// Reads a mapping of texts.
struct PairsSeed;

impl<'de> DeserializeSeed<'de> for PairsSeed {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PairsSeed {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of texts")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = text(&mut map)?;
            if let Some(name) = pairs.contains_key(&name).then_some(&name) {
                return Err(M::Error::custom(format_args!(
                    "mapping key \"{name}\" is already there"
                )));
            }
            pairs.insert(name, value);
        }
        Ok(pairs)
    }
}
