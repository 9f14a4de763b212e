//! Merging: what is copied, united and indexed again.

use super::*;

#[test]
fn merging_copies_full_blocks_that_stand_alone_and_unites_others() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    let large = |app: &str, first: i64, count: i64| -> Vec<Fact> {
        (first..first + count)
            .map(|i| {
                fact(
                    app,
                    i,
                    &format!("{app} number {i:04} {}", "x".repeat(1_000)),
                )
            })
            .collect()
    };
    // Of "apart" each part has its own time, of "mixed" they overlap by half; small streams share
    // blocks.
    for (part, count) in [(0, 910), (1, 960), (2, 1000)] {
        let small = [fact("small", part, "one"), fact("tiny", 7, "same")];
        let facts = [
            large("apart", part * 1000, count),
            large("mixed", part * 300, 600),
            small.to_vec(),
        ]
        .concat();
        push(&store, &facts).expect("the push is taken");
        flush(&store);
    }
    let pieces = |app: &str, literal: &str| {
        let matchers = [Matcher::equal("app", app)];
        let literal = Literal {
            bytes: literal.as_bytes().to_vec(),
            ignore_case: false,
        };
        let content = ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        };
        let select = Select {
            matchers: &matchers,
            range: TimeRange::ALL,
            content: &content,
        };
        let pieces = store
            .select(&TenantId::fake(), &select)
            .expect("selecting works")
            .pieces;
        pieces
            .iter()
            .map(|piece| piece.runs[0].line_bytes)
            .collect::<BTreeSet<u64>>()
    };
    let (before, apart) = (read_all(&store), pieces("apart", "number"));
    assert_eq!((before.len(), apart.len()), (2870 + 1200 + 4, 3));
    compact(&store);
    assert_eq!(store.status().parts, 1);
    assert_eq!(read_all(&store), before);
    assert_eq!(
        pieces("apart", "number"),
        apart,
        "blocks are cut as they were"
    );
    assert_eq!(pieces("apart", "absent word").len(), 0);
    let mixed = pieces("mixed", "number");
    assert_eq!(
        (mixed.len(), mixed.iter().sum::<u64>()),
        (2, 1200 * 1_018),
        "two blocks instead of three, without repeats"
    );
    assert_eq!(
        read(
            &store,
            &[Matcher::equal("app", "tiny")],
            TimeRange::ALL,
            &ContentQuery::default()
        )
        .len(),
        1
    );
}

/// Makes the content indexes of all parts ones of version 1, which asks for some of the grams they
/// have.
fn age_content_indexes(folder: &Path) {
    for item in std::fs::read_dir(folder)
        .expect("the folder can be listed")
        .flatten()
    {
        let path = item.path();
        if path.is_dir() {
            age_content_indexes(&path);
        } else if path.ends_with("MANIFEST") {
            forget_contents(&path);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "part")
        {
            let mut bytes = std::fs::read(&path).expect("the part can be read");
            let footer = bytes.len() - 64;
            let number = |at: usize| {
                u64::from_le_bytes(
                    *bytes[footer + at..]
                        .first_chunk()
                        .expect("the footer is there"),
                ) as usize
            };
            let index = number(8)..number(8) + number(16);
            bytes[index.start] = 1;
            let index_crc = crc32fast::hash(&bytes[index]);
            bytes[footer + 48..footer + 52].copy_from_slice(&index_crc.to_le_bytes());
            let footer_crc = crc32fast::hash(&bytes[footer..footer + 60]);
            bytes[footer + 60..].copy_from_slice(&footer_crc.to_le_bytes());
            std::fs::write(&path, bytes).expect("the part can be written");
        }
    }
}

/// Takes out of a manifest what it says of the content of its parts, as at first it said nothing.
fn forget_contents(manifest: &Path) {
    let text = std::fs::read_to_string(manifest).expect("the manifest can be read");
    let copy = &text[..text.len() / 2];
    let json = copy.split_once('\n').expect("a line comes first").1;
    let mut lines: Vec<&str> = Vec::new();
    for line in json.lines() {
        match (line.trim_start().starts_with("\"content\""), lines.pop()) {
            (true, before) => lines.extend(before.map(|line| line.trim_end_matches(','))),
            (false, before) => lines.extend(before.into_iter().chain([line])),
        }
    }
    let json = lines.join("\n") + "\n";
    let crc = crc32fast::hash(json.as_bytes());
    let copy = format!("skald-manifest {crc:08x} {}\n{json}", json.len());
    std::fs::write(manifest, copy.repeat(2)).expect("the manifest can be written");
}

#[test]
fn merging_indexes_anew_what_older_rules_indexed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = open_here(folder.path());
    let rest = "x".repeat(1_000);
    for (part, number) in ["ts=482131234567", "user=48213", "user=77777"]
        .into_iter()
        .enumerate()
    {
        let lines =
            (0..900).map(|i| fact("api", part as i64 * 1_000 + i, &format!("{number} {rest}")));
        push(&store, &lines.collect::<Vec<_>>()).expect("the push is taken");
        flush(&store);
    }
    let blocks_left = |store: &Store| {
        let literal = Literal {
            bytes: b"=48213 ".to_vec(),
            ignore_case: false,
        };
        let content = ContentQuery {
            lines: vec![vec![literal]],
            ..ContentQuery::default()
        };
        let select = Select {
            matchers: &[],
            range: TimeRange::ALL,
            content: &content,
        };
        store
            .select(&TenantId::fake(), &select)
            .expect("selecting works")
            .pieces
            .len()
    };
    let before = read_all(&store);
    assert_eq!(blocks_left(&store), 1);
    store.close(false).expect("closing works");
    drop(store);
    age_content_indexes(folder.path());
    let store = open_here(folder.path());
    assert_eq!(blocks_left(&store), 2, "a longer number begins alike");
    compact(&store);
    assert_eq!((store.status().parts, blocks_left(&store)), (1, 1));
    assert_eq!(read_all(&store), before);
}
