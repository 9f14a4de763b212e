//! Labels: lists streams, label names and label values by time, from stream tables and run bounds
//! alone.

use crate::deletes::visibility::{Visibility, VisibilityCache};
use crate::head::{Chunk, HeadView};
use crate::part::Part;
use crate::tenant::View;
use hashbrown::HashSet;
use skald_model::{Charge, Labels, Matcher, Stop, TimeRange};

/// What labels that were found take beside their bytes: a slot in a table with room to grow, one in
/// the list made of it, and the counts that they are shared by.
const LABELS_BYTES: usize = 4 * size_of::<Labels>() + 16;

/// The same of a text.
const TEXT_BYTES: usize = 4 * size_of::<String>();

/// Flags for each stream of a source, while those that match are looked for.
const FLAGS_BYTES: usize = 4;

/// Labels of streams that match any group and have runs in the range, sorted. What is found is
/// charged as it is found.
pub(crate) fn streams(
    view: &View,
    groups: &[Vec<Matcher>],
    range: TimeRange,
    charge: &mut Charge,
) -> Result<Vec<Labels>, Stop> {
    let mut found: HashSet<Labels> = HashSet::new();
    let mut add = |labels: Labels, charge: &mut Charge| {
        charge.work(labels.as_bytes().len())?;
        if !found.contains(&labels) {
            charge.add(LABELS_BYTES + labels.as_bytes().len())?;
            found.insert(labels);
        }
        Ok::<_, Stop>(())
    };
    for head in &view.heads {
        charge.room_for(head.streams.len() * FLAGS_BYTES)?;
        for stream in selected_in_head(head, groups, range, &view.visibility) {
            add(head.streams.stream(stream).1, charge)?;
        }
    }
    for part in view.parts.iter() {
        charge.room_for(part.table.len() * FLAGS_BYTES)?;
        for stream in selected_in_part(part, groups, range, &view.visibility) {
            add(part.table.labels(stream), charge)?;
        }
    }
    let mut found: Vec<Labels> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// Sorted names of labels of matching streams, charged as they are found.
pub(crate) fn label_names(
    view: &View,
    matchers: &[Matcher],
    range: TimeRange,
    charge: &mut Charge,
) -> Result<Vec<String>, Stop> {
    collect(view, matchers, range, charge, |name, _| Some(name))
}

/// Sorted values of one label of matching streams, charged as they are found.
pub(crate) fn label_values(
    view: &View,
    wanted: &str,
    matchers: &[Matcher],
    range: TimeRange,
    charge: &mut Charge,
) -> Result<Vec<String>, Stop> {
    collect(view, matchers, range, charge, |name, value| {
        (name == wanted).then_some(value)
    })
}

/// Distinct texts that `pick` takes from the label pairs of matching streams, sorted.
fn collect(
    view: &View,
    matchers: &[Matcher],
    range: TimeRange,
    charge: &mut Charge,
    pick: impl for<'a> Fn(&'a str, &'a str) -> Option<&'a str>,
) -> Result<Vec<String>, Stop> {
    let mut found: HashSet<String> = HashSet::new();
    let mut add = |text: &str, charge: &mut Charge| {
        charge.work(text.len())?;
        if !found.contains(text) {
            charge.add(TEXT_BYTES + text.len())?;
            found.insert(text.to_owned());
        }
        Ok::<_, Stop>(())
    };
    let group = std::slice::from_ref(&matchers);
    for head in &view.heads {
        charge.room_for(head.streams.len() * FLAGS_BYTES)?;
        for stream in selected_in_head(head, group, range, &view.visibility) {
            let pairs = Labels::pairs_of(head.streams.label_bytes(stream));
            for text in pairs.filter_map(|(n, v)| pick(n, v)) {
                add(text, charge)?;
            }
        }
    }
    for part in view.parts.iter() {
        let pairs = part.table.pairs();
        charge.room_for(part.table.len() * FLAGS_BYTES + pairs as usize)?;
        let mut used = vec![false; pairs as usize];
        for stream in selected_in_part(part, group, range, &view.visibility) {
            part.table
                .stream_pairs(stream)
                .iter()
                .for_each(|pair| used[*pair as usize] = true);
        }
        for pair in (0..pairs).filter(|p| used[*p as usize]) {
            let (name, value) = part.table.pair(pair);
            if let Some(text) = pick(name, value) {
                add(text, charge)?;
            }
        }
    }
    let mut found: Vec<String> = found.into_iter().collect();
    found.sort_unstable();
    Ok(found)
}

/// Streams of a head that match any group and have a run in the range.
fn selected_in_head<G: AsRef<[Matcher]>>(
    head: &HeadView,
    groups: &[G],
    range: TimeRange,
    visibility: &Visibility,
) -> impl Iterator<Item = u32> {
    let mut selected = live_in_head(head, range, visibility);
    if !groups.is_empty() {
        let mut matching = vec![false; selected.len()];
        for group in groups {
            let of_group = head.streams.matching(group.as_ref());
            matching
                .iter_mut()
                .zip(of_group)
                .for_each(|(any, matches)| *any |= matches);
        }
        selected
            .iter_mut()
            .zip(matching)
            .for_each(|(selected, matches)| *selected &= matches);
    }
    selected
        .into_iter()
        .enumerate()
        .filter(|(_, s)| *s)
        .map(|(stream, _)| stream as u32)
}

/// For each stream of a head whether it has a run in the range of which something is to be seen.
fn live_in_head(head: &HeadView, range: TimeRange, visibility: &Visibility) -> Vec<bool> {
    let streams = head.streams.len();
    let visibility_of = |c: &Chunk| visibility.of_chunk(c.sequence, c.min_time, c.max_time);
    if head
        .chunks
        .iter()
        .all(|c| range.covers(c.min_time, c.max_time) && visibility_of(c).is_empty())
    {
        return vec![true; streams];
    }
    let mut live = vec![false; streams];
    for chunk in head
        .chunks
        .iter()
        .filter(|c| range.overlaps(c.min_time, c.max_time))
    {
        let mut visibility = VisibilityCache::new(visibility_of(chunk));
        for run in chunk
            .runs
            .iter()
            .filter(|r| range.overlaps(r.min_time, r.max_time))
        {
            let labels = || head.streams.stream(run.stream).1;
            live[run.stream as usize] |=
                visibility.any_visible(run.stream, labels, (run.min_time, run.max_time));
        }
    }
    live
}

/// Streams of a part that match any group and have a run in the range of which something is to be
/// seen.
fn selected_in_part<G: AsRef<[Matcher]>>(
    part: &Part,
    groups: &[G],
    range: TimeRange,
    visibility: &Visibility,
) -> impl Iterator<Item = u32> {
    let mut selected = vec![false; part.table.len()];
    if range.overlaps(part.meta.min_time, part.meta.max_time) {
        if groups.is_empty() {
            selected.fill(true);
        }
        for group in groups {
            let matching = part.table.matching(group.as_ref());
            selected.iter_mut().zip(matching).for_each(|(s, m)| *s |= m);
        }
        if !range.covers(part.meta.min_time, part.meta.max_time)
            || !visibility.of_part(&part.meta).is_empty()
        {
            let live = live_in_part(part, range, visibility);
            selected.iter_mut().zip(live).for_each(|(s, l)| *s &= l);
        }
    }
    selected
        .into_iter()
        .enumerate()
        .filter(|(_, s)| *s)
        .map(|(stream, _)| stream as u32)
}

fn live_in_part(part: &Part, range: TimeRange, visibility: &Visibility) -> Vec<bool> {
    let mut visibility = VisibilityCache::new(visibility.of_part(&part.meta));
    let mut live = vec![false; part.table.len()];
    for block in part
        .blocks
        .iter()
        .filter(|b| range.overlaps(b.meta.min_time, b.meta.max_time))
    {
        for run in block
            .meta
            .runs
            .iter()
            .filter(|r| range.overlaps(r.min_time, r.max_time))
        {
            let labels = || part.table.labels(run.stream);
            live[run.stream as usize] |=
                visibility.any_visible(run.stream, labels, (run.min_time, run.max_time));
        }
    }
    live
}
