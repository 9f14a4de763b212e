//! Sequences of every shape come back, and damaged ones are refused.

use super::form::{TAG_PACKED, TAG_PLANES, TAG_RUNS};
use super::packed::{HAS_EXCEPTIONS, best_width};
use super::*;
use std::ops::Range;

fn check(values: &[u64]) -> usize {
    let (mut out, mut back) = (Vec::new(), Vec::new());
    encode(values, &mut IntBuffers::default(), &mut out).expect("memory is enough");
    let mut rest = &out[..];
    decode(&mut rest, values.len(), |v| back.extend_from_slice(v)).expect("was just written");
    assert_eq!(back, values);
    assert!(rest.is_empty());
    let (frames, mut buffer) = (
        Frames::open(&out, values.len()).expect("was just written"),
        [0; FRAME],
    );
    for (number, expected) in values.chunks(FRAME).enumerate().rev() {
        assert_eq!(
            frames
                .get(number, values.len(), &mut buffer)
                .expect("was just written"),
            expected
        );
    }
    for wanted in [
        0..values.len(),
        0..0,
        100..140,
        values.len().saturating_sub(1)..values.len(),
    ] {
        let (mut rest, mut some) = (&out[..], Vec::new());
        let wants = |frame: Range<usize>| frame.start < wanted.end && wanted.start < frame.end;
        let sink = |n, values: Option<&[u64]>| match values {
            Some(values) => some.extend(values.iter().map(|value| Some(*value))),
            None => some.resize(some.len() + n, None),
        };
        decode_where(&mut rest, values.len(), wants, sink).expect("was just written");
        assert!(rest.is_empty() && some.len() == values.len());
        assert!(
            some.iter()
                .zip(values)
                .all(|(some, value)| some.is_none_or(|some| some == *value))
        );
        assert!(values.get(wanted.clone()).is_none() || some[wanted].iter().all(Option::is_some));
    }
    out.len()
}

#[test]
fn values_of_every_width_come_back() {
    for width in 0..=64u32 {
        let top = if width == 0 {
            0
        } else {
            u64::MAX >> (64 - width)
        };
        let values: Vec<u64> = (0..301u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & top)
            .collect();
        check(&values);
    }
    check(&[]);
    check(&[u64::MAX, 0]);
}

#[test]
fn what_repeats_is_small() {
    assert!(check(&[9; 100_000]) <= 2);
    assert!(check(&(0..10_000u64).map(|i| 1000 + i % 7).collect::<Vec<_>>()) < 500);
    assert!(
        check(
            &(0..12_800u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56)
                .collect::<Vec<_>>()
        ) <= 13_500
    );
}

#[test]
fn few_large_values_are_exceptions() {
    let mut values = vec![143_008_474; 1000];
    for (place, value) in [
        (0, 7),
        (17, u64::MAX),
        (500, 759_805_485_060),
        (501, 143_008_475),
        (999, 0),
    ] {
        values[place] = value;
    }
    assert!(check(&values) < 150);
    let mix = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    check(
        &(0..1000)
            .map(|i| mix(i) >> (mix(i * 7) % 64))
            .collect::<Vec<_>>(),
    );
    assert_eq!(best_width(&[5; 9], 5), 0);
    assert_eq!(best_width(&[u64::MAX, 1 << 60, 1 << 63], 0), 64);
}

#[test]
fn runs_of_equal_values_are_two_numbers_each() {
    let runs = [
        (300, 143_008_474),
        (1, 759_805_485_060),
        (128, 9),
        (129, 7),
        (700, 134_784_345),
        (5, u64::MAX),
        (1, 0),
    ];
    let values: Vec<u64> = runs
        .iter()
        .flat_map(|(length, value)| std::iter::repeat_n(*value, *length))
        .collect();
    assert!(check(&values) < 60);
    let refused = |bytes: &[u8]| assert!(decode(&mut &bytes[..], 10, |_| ()).is_err());
    refused(&[TAG_RUNS, 2, 5, 1, 4, 2]);
    refused(&[TAG_RUNS, 2, 5, 1, 6, 2]);
    refused(&[TAG_RUNS, 11, 5, 1]);
    refused(&[TAG_RUNS, 2, 5, 1]);
}

#[test]
fn damaged_exceptions_are_refused() {
    let head = [TAG_PACKED, 5, HAS_EXCEPTIONS];
    let with = |rest: &[u8]| decode(&mut &[&head, rest].concat()[..], 10, |_| ());
    assert!(with(&[1, 9, 1]).is_ok());
    assert!(with(&[1, 10, 1]).is_err());
    assert!(with(&[2, 9, 1]).is_err());
    assert!(with(&[]).is_err());
    assert!(
        decode(
            &mut &[TAG_PACKED, 5, HAS_EXCEPTIONS | 64, 0, 0][..],
            1,
            |_| ()
        )
        .is_err()
    );
}

#[test]
fn damaged_frames_are_refused() {
    assert!(decode(&mut &[TAG_PACKED, 0, 65][..], 10, |_| ()).is_err());
    assert!(decode(&mut &[TAG_PACKED, 0, 8, 1, 2][..], 10, |_| ()).is_err());
    assert!(decode(&mut &[TAG_PLANES, 9, 0][..], 10, |_| ()).is_err());
    assert!(decode(&mut &[77][..], 10, |_| ()).is_err());
}
