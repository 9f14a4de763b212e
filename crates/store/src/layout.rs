//! Layout: names the files and folders of a data directory. Names are part of the format:
//! README.md.

use skald_model::{TenantId, time::DAY_NS};
use std::path::PathBuf;

/// Paths of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    data: PathBuf,
}

impl Layout {
    pub(crate) fn new(data: PathBuf) -> Layout {
        Layout { data }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.data.join("LOCK")
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.data.join("FORMAT")
    }

    /// The file whose room is kept for manifests.
    pub(crate) fn reserve(&self) -> PathBuf {
        self.data.join("RESERVE")
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.data.join("wal")
    }

    pub(crate) fn tenants(&self) -> PathBuf {
        self.data.join("tenants")
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) -> PathBuf {
        self.tenants().join(tenant.as_str())
    }

    pub(crate) fn manifest(&self, tenant: &TenantId) -> PathBuf {
        self.tenant(tenant).join(MANIFEST)
    }

    /// The folder of what is cached of object storage.
    pub(crate) fn cache(&self) -> PathBuf {
        self.data.join("cache")
    }

    /// The folder of a tenant's stream index.
    pub(crate) fn stream_index(&self, tenant: &TenantId) -> PathBuf {
        self.tenant(tenant).join("streams")
    }

    /// The folder of a partition.
    pub(crate) fn day(&self, tenant: &TenantId, day: i32) -> PathBuf {
        self.tenant(tenant).join(date(day))
    }

    pub(crate) fn part(&self, tenant: &TenantId, day: i32, id: u64) -> PathBuf {
        self.day(tenant, day).join(part_name(id))
    }
}

/// Name of a tenant's manifest.
pub(crate) const MANIFEST: &str = "MANIFEST";

/// Ends the name of a file that is being written.
pub(crate) const UNFINISHED: &str = ".tmp";

/// File name of a part.
pub(crate) fn part_name(id: u64) -> String {
    format!("{id:016x}.part")
}

/// The number that [`part_name`] put into a name.
pub(crate) fn part_id(name: &str) -> Option<u64> {
    let id = u64::from_str_radix(name.strip_suffix(".part")?, 16).ok()?;
    (part_name(id) == name).then_some(id)
}

/// The day that [`date`] put into a name.
pub(crate) fn day_of_date(name: &str) -> Option<i32> {
    let (rest, day) = name.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let [year, month, day] = [
        year.parse::<i64>().ok()?,
        month.parse::<i64>().ok()?,
        day.parse::<i64>().ok()?,
    ];
    // Days of whole years before, then of whole months, both counted from March.
    let year = year.checked_sub(i64::from(month <= 2))?;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = era.checked_mul(146_097)? + year_of_era * 365 + year_of_era / 4
        - year_of_era / 100
        + of_year;
    let found = i32::try_from(shifted - 719_468).ok()?;
    (date(found) == name).then_some(found)
}

/// `YYYY-MM-DD` of a UTC day, for people who look into the directory.
pub(crate) fn date(day: i32) -> String {
    const _: () = assert!(DAY_NS / 1_000_000_000 == 86_400);
    // Days are counted from 0000-03-01, so that the leap day ends a year; 400 years are 146,097
    // days.
    let shifted = i64::from(day) + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (day, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_780, "2026-11-23"),
        ] {
            assert_eq!(date(day), expected);
            assert_eq!(day_of_date(expected), Some(day));
        }
        for day in (-800_000..800_000).step_by(97) {
            assert_eq!(day_of_date(&date(day)), Some(day));
        }
    }

    #[test]
    fn other_names_are_no_days_and_no_parts() {
        for name in [
            "",
            "streams",
            "2026-1-1",
            "2026-02-30",
            "2026-13-01",
            "2026-99999999999999999999-01",
            "--",
        ] {
            assert_eq!(day_of_date(name), None, "{name}");
        }
        assert_eq!(part_id(&part_name(77)), Some(77));
        for name in [
            "",
            "77.part",
            "000000000000004d.part.tmp",
            "000000000000004D.part",
            "+00000000000004d.part",
        ] {
            assert_eq!(part_id(name), None, "{name}");
        }
    }
}
