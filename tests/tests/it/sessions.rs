//! Sessions of browsers: a cookie in place of the token it was made from, and what it may not do.

use super::asking::{get, result, send};
use serde_json::json;
use skald_server::auth::tokens::new_token;
use skald_tests::local::Local;

fn with_tokens(grants: &[(&str, &str)]) -> (Local, Vec<String>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tokens.yaml");
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let made = grants
        .iter()
        .map(|(tenants, rights)| new_token("me", &list(tenants), &list(rights)).expect("a token"));
    let (tokens, entries): (Vec<String>, Vec<String>) = made.unzip();
    std::fs::write(&file, format!("tokens:\n{}", entries.concat())).expect("written");
    let local = Local::start_with(|config| {
        config.auth_enabled = true;
        config.tokens_file = file.display().to_string();
    });
    (local, tokens, folder)
}

const SESSION: &str = "/skald/api/v1/session";
const SAVED: &str = "/skald/api/v1/saved";
const SEARCH: &str = r#"{"name": "mine", "query": "{}"}"#;

#[test]
fn a_session_stands_for_its_token_and_changes_things_from_own_pages_only() {
    let (local, tokens, _folder) = with_tokens(&[("a,b", "read"), ("a", "write")]);
    let client = local.client();
    let bearer = |i: usize| format!("Bearer {}", tokens[i]);

    let refused = send(
        &client,
        "POST",
        SESSION,
        &[("Authorization", &bearer(1))],
        "",
    );
    assert_eq!(refused.status, 403, "pushing needs no session");
    let begun = send(
        &client,
        "POST",
        SESSION,
        &[("Authorization", &bearer(0))],
        "",
    );
    assert_eq!(begun.status, 204);
    let header = begun.header("set-cookie").expect("a cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(header.contains(part), "{header}");
    }
    assert!(!header.contains("Secure") && !header.contains(&tokens[0]));
    let proxied = [
        ("Authorization", bearer(0)),
        ("X-Forwarded-Proto", "https".to_owned()),
    ];
    let proxied: Vec<(&str, &str)> = proxied.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let encrypted = send(&client, "POST", SESSION, &proxied, "");
    assert!(
        encrypted
            .header("set-cookie")
            .is_some_and(|c| c.ends_with("; Secure"))
    );

    let cookie = header.split(';').next().expect("a pair").to_owned();
    let labels = "/loki/api/v1/labels";
    let ask = |tenant: &str, more: &[(&str, &str)]| {
        let headers = [
            &[("Cookie", cookie.as_str()), ("X-Scope-OrgID", tenant)],
            more,
        ]
        .concat();
        get(&client, labels, &headers).status
    };
    assert_eq!(ask("a", &[]), 200);
    assert_eq!(ask("c", &[]), 403);
    assert_eq!(
        ask("a", &[("Authorization", "Bearer x")]),
        401,
        "a token counts first"
    );
    let own = format!("http://{}", local.address());
    let keep = |more: &[(&str, &str)]| {
        let headers = [&[("Cookie", cookie.as_str()), ("X-Scope-OrgID", "a")], more].concat();
        send(&client, "POST", SAVED, &headers, SEARCH).status
    };
    assert_eq!(keep(&[]), 403);
    assert_eq!(keep(&[("Origin", "http://elsewhere.example")]), 403);
    assert_eq!(keep(&[("Origin", &own)]), 204);
    assert_eq!(keep(&[("Sec-Fetch-Site", "same-origin")]), 204);

    let ended = send(
        &client,
        "DELETE",
        SESSION,
        &[("Cookie", &cookie), ("Origin", &own)],
        "",
    );
    assert!(
        ended
            .header("set-cookie")
            .is_some_and(|c| c.contains("Max-Age=0"))
    );
    let forged = [
        ("Cookie", "skald_session=99999999999.AAAA"),
        ("X-Scope-OrgID", "a"),
    ];
    let refused = get(&client, labels, &forged);
    assert_eq!(refused.status, 401);
    let challenge = Some("Basic realm=\"skald\"");
    assert_eq!(refused.header("www-authenticate"), challenge);
    // A page asks for the token itself, so the browser must not.
    let refused = get(&client, labels, &[("X-Requested-With", "skald-page")]);
    let challenge = Some("Bearer realm=\"skald\"");
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, challenge)
    );
}

#[test]
fn tenants_are_listed_as_far_as_the_token_sees() {
    let (local, tokens, _folder) = with_tokens(&[("a,b", "read"), ("*", "read,write")]);
    let client = local.client();
    let all = format!("Bearer {}", tokens[1]);
    for tenant in ["a", "z"] {
        let body =
            r#"{"streams": [{"stream": {"app": "x"}, "values": [["1772323200000000000", "x"]]}]}"#;
        let headers = [
            ("Authorization", all.as_str()),
            ("X-Scope-OrgID", tenant),
            ("Content-Type", "application/json"),
        ];
        let pushed = send(&client, "POST", "/loki/api/v1/push", &headers, body);
        assert_eq!(pushed.status, 204, "{}", pushed.text);
    }
    let check = |token: &str, expected: serde_json::Value| {
        let bearer = format!("Bearer {token}");
        let answer = get(
            &client,
            "/skald/api/v1/tenants",
            &[("Authorization", &bearer)],
        );
        assert_eq!(result(&answer)["data"]["tenants"], expected);
    };
    check(&tokens[0], json!(["a", "b"]));
    check(&tokens[1], json!(["a", "z"]));
    let plain = Local::start_with(|config| config.auth_enabled = true);
    let answer = get(
        &plain.client(),
        "/skald/api/v1/tenants",
        &[("X-Scope-OrgID", "z")],
    );
    assert_eq!(result(&answer)["data"]["tenants"], json!(["z"]));
}
