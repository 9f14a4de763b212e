//! A segment of good records among damaged ones and foreign bytes: every good one comes back, in
//! order.
//!
//! Written here by the layout in crates/wal/README.md, so that a change of the layout is noticed.

use skald_wal::files::Files;
use skald_wal::sim::SimFiles;
use skald_wal::{Options, Wal, WalError};
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

const FOLDER: &str = "/wal";
const SEGMENT: &str = "/wal/0000000000000001.wal";

/// A record is cut short before the checksum of its header: of a longer rest the first bytes of the
/// next record are the end that is missing once in 256 times, and then it is no rest.
const CUT_BYTES_MAX: usize = 24;

type Record = (u64, String, Vec<u8>);

/// The first byte tells whether the bytes are the segment (even) or say how to make one (odd).
pub fn check(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let made = if kind % 2 == 0 {
        Made {
            bytes: rest.to_vec(),
            ..Made::default()
        }
    } else {
        make(rest)
    };
    let files = SimFiles::default();
    files
        .create_folder(Path::new(FOLDER))
        .expect("the disk is fine");
    let file = files.create(Path::new(SEGMENT)).expect("the disk is fine");
    file.append(&[IoSlice::new(&made.bytes)])
        .expect("the disk is fine");
    let Ok((wal, records)) = open(&files) else {
        return;
    };
    assert!(records.is_sorted_by(|a, b| a.0 < b.0), "{records:?}");
    if kind % 2 == 1 {
        let mut good = made.good.iter();
        assert!(
            records
                .iter()
                .all(|record| good.any(|other| other == record)),
            "{records:?} of {:?}",
            made.good
        );
        assert!(
            made.hides_some || records.len() == made.good.len(),
            "{records:?} of {:?}",
            made.good
        );
    }
    let sequence = append(&wal);
    wal.close();
    let (wal, again) = open(&files).expect("what could be read once can be read again");
    wal.close();
    assert_eq!(again.len(), records.len() + 1);
    assert_eq!(
        again.split_last(),
        Some((
            &(sequence, "last".to_owned(), b"one".to_vec()),
            &records[..]
        ))
    );
}

fn open(files: &SimFiles) -> Result<(Wal, Vec<Record>), WalError> {
    let mut records = Vec::new();
    let (wal, _) = Wal::open::<WalError>(
        Arc::new(files.clone()),
        Path::new(FOLDER),
        Options::default(),
        |record| {
            records.push((
                record.sequence,
                record.tenant.to_owned(),
                record.payload.to_vec(),
            ));
            Ok(())
        },
    )?;
    Ok((wal, records))
}

fn append(wal: &Wal) -> u64 {
    let record = wal.encode(&Arc::from("last"), |out| out.extend_from_slice(b"one"));
    wal.append(record, Box::new(|result| result.expect("the disk is fine")))
        .expect("the disk is fine")
}

#[derive(Default)]
struct Made {
    bytes: Vec<u8>,
    /// Records that have to come back.
    good: Vec<Record>,
    /// Whether a whole header claims bytes that are not its own: records among them need not come
    /// back.
    hides_some: bool,
}

/// Steps of two bytes, what and how long, each with its bytes.
fn make(mut script: &[u8]) -> Made {
    // Taken from the whole input: bytes that were fitted to one salt are not fitted to another.
    let salt = crc32fast::hash(script);
    let mut made = Made {
        bytes: segment_header(salt),
        ..Made::default()
    };
    let mut sequence = 1;
    while let Some(([what, len], rest)) = script.split_first_chunk() {
        let (payload, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        script = rest;
        let tenant = &"tenant"[..usize::from(what >> 4) % 7];
        let mut record = record(salt, sequence, tenant, payload);
        match what % 8 {
            0 => made
                .good
                .push((sequence, tenant.to_owned(), payload.to_vec())),
            1 => record = payload.to_vec(),
            // The body's last byte, or the header's where there is no body.
            2 => *record.last_mut().expect("a record has a header") ^= 1,
            3 => record[5] ^= 0x10,
            4 => record = self::record(salt, 0, tenant, payload),
            5 => record = vec![0; payload.len() * 16],
            6 => {
                record = long_header(salt, sequence, u32::from(*len) << (what >> 3));
                made.hides_some = true;
            }
            _ => record.truncate(usize::from(*len) % (CUT_BYTES_MAX + 1)),
        }
        made.bytes.extend_from_slice(&record);
        sequence += 1 + u64::from(what >> 7);
    }
    made
}

fn segment_header(salt: u32) -> Vec<u8> {
    let mut copy = b"SKWL".to_vec();
    copy.extend_from_slice(&1u32.to_le_bytes());
    copy.extend_from_slice(&1u64.to_le_bytes());
    copy.extend_from_slice(&salt.to_le_bytes());
    copy.extend_from_slice(&crc32fast::hash(&copy).to_le_bytes());
    copy.repeat(2)
}

fn record(salt: u32, sequence: u64, tenant: &str, payload: &[u8]) -> Vec<u8> {
    let body = [tenant.as_bytes(), payload].concat();
    let mut out = header(
        salt,
        sequence,
        tenant.len() as u16,
        payload.len() as u32,
        crc32fast::hash(&body),
    );
    out.extend_from_slice(&body);
    out
}

fn long_header(salt: u32, sequence: u64, payload_bytes: u32) -> Vec<u8> {
    header(salt, sequence, 0, payload_bytes, 1)
}

fn header(
    salt: u32,
    sequence: u64,
    tenant_bytes: u16,
    payload_bytes: u32,
    body_crc: u32,
) -> Vec<u8> {
    let mut out = b"\xf5Rec".to_vec();
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&payload_bytes.to_le_bytes());
    out.extend_from_slice(&tenant_bytes.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&body_crc.to_le_bytes());
    let mut crc = crc32fast::Hasher::new_with_initial(salt);
    crc.update(&out);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out
}
