//! A directory of rule files that changes.

use skald_model::TenantId;
use skald_ruler::stores::LocalRules;
use skald_ruler::templates::NoTemplates;
use std::fs;
use std::path::Path;

fn names(rules: &LocalRules, tenant: &str) -> Vec<String> {
    let tenant = TenantId::parse(tenant).expect("the name is sound");
    let groups = rules.groups(&tenant).into_iter();
    groups
        .map(|(file, group)| format!("{file}/{}", group.name))
        .collect()
}

fn write(directory: &Path, file: &str, text: &str) {
    let path = directory.join(file);
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
    fs::write(path, text).expect("files can be written");
}

fn changed(rules: &mut LocalRules) -> Vec<String> {
    let changed = rules.poll(&NoTemplates);
    changed.iter().map(TenantId::to_string).collect()
}

#[test]
fn files_come_change_and_go() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path();
    let mut rules = LocalRules::new(at);
    assert!(changed(&mut rules).is_empty());
    write(at, "fake/a.yaml", "groups: [{name: one}, {name: two}]");
    write(at, "team/b.yml", "groups: [{name: three}]");
    write(at, "fake/.hidden", "nothing: good");
    write(at, "fake/folder/c.yaml", "nothing: good");
    write(at, "stray.yaml", "nothing: good");
    assert_eq!(changed(&mut rules), ["fake", "team"]);
    assert_eq!(names(&rules, "fake"), ["a.yaml/one", "a.yaml/two"]);
    assert_eq!(names(&rules, "team"), ["b.yml/three"]);
    assert!(changed(&mut rules).is_empty(), "nothing has changed");
    assert!(rules.problems().is_empty());

    write(at, "fake/a.yaml", "groups: [{name: other}]");
    fs::remove_file(at.join("team/b.yml")).expect("it is there");
    assert_eq!(changed(&mut rules), ["fake", "team"]);
    assert_eq!(names(&rules, "fake"), ["a.yaml/other"]);
    assert!(names(&rules, "team").is_empty());
}

#[test]
fn a_bad_file_is_named_and_concerns_no_other() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path();
    write(at, "fake/a.yaml", "groups: [{name: one}]");
    write(at, "fake/b.yaml", "groups: [{nam: two}]");
    write(at, "team/c.yaml", "groups: [{name: three}]");
    let mut rules = LocalRules::new(at);
    changed(&mut rules);
    assert_eq!(names(&rules, "fake"), ["a.yaml/one"]);
    assert_eq!(names(&rules, "team"), ["c.yaml/three"]);
    let problem = rules.problems().remove(0);
    assert_eq!(problem.path, at.join("fake/b.yaml"));
    assert_eq!(
        problem.text,
        "line 1: field nam not found in type rulefmt.RuleGroup"
    );

    // A file that was sound keeps what it had.
    write(
        at,
        "fake/a.yaml",
        "groups: [{name: one, rules: [{alert: x}]}]",
    );
    assert_eq!(changed(&mut rules), ["fake"]);
    assert_eq!(names(&rules, "fake"), ["a.yaml/one"]);
    assert_eq!(rules.problems().len(), 2);
    write(at, "fake/a.yaml", "groups: [{name: new}]");
    write(at, "fake/b.yaml", "groups: [{name: two}]");
    changed(&mut rules);
    assert_eq!(names(&rules, "fake"), ["a.yaml/new", "b.yaml/two"]);
    assert!(rules.problems().is_empty());
}

#[test]
fn links_are_followed_as_kubernetes_makes_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path();
    write(at, "fake/..2026_1/a.yaml", "groups: [{name: one}]");
    write(at, "fake/..2026_2/a.yaml", "groups: [{name: two}]");
    let data = at.join("fake/..data");
    let link = |version: &str| {
        let _ = fs::remove_file(&data);
        std::os::unix::fs::symlink(version, &data).expect("links can be made");
    };
    link("..2026_1");
    let file = at.join("fake/a.yaml");
    std::os::unix::fs::symlink("..data/a.yaml", file).expect("links can be made");
    let mut rules = LocalRules::new(at);
    changed(&mut rules);
    assert_eq!(names(&rules, "fake"), ["a.yaml/one"]);
    link("..2026_2");
    assert_eq!(changed(&mut rules), ["fake"]);
    assert_eq!(names(&rules, "fake"), ["a.yaml/two"]);
}

#[test]
fn a_directory_that_is_gone_takes_no_rules_with_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path().join("rules");
    write(&at, "fake/a.yaml", "groups: [{name: one}]");
    let mut rules = LocalRules::new(&at);
    changed(&mut rules);
    fs::rename(&at, folder.path().join("away")).expect("it can be renamed");
    assert!(changed(&mut rules).is_empty());
    assert_eq!(names(&rules, "fake"), ["a.yaml/one"]);
    assert!(
        rules.problems()[0]
            .text
            .starts_with("unable to read rule dir ")
    );
}
