//! A person at Grafana: every request that the Loki data source and Logs Drilldown make, in the
//! order they make them and with their headers, over the conformance data set. Each answer is
//! checked against a schema and for having something in it.

mod client;
mod divided;
mod schemas;
mod screens;

use client::Grafana;
use skald_tests::API;
use skald_tests::conformance;
use skald_tests::local::Local;

/// The data set's hour.
const START_S: i64 = 1_772_323_200;
const START_NS: &str = "1772323200000000000";
const END_NS: &str = "1772326800000000000";
const START_TEXT: &str = "2026-03-01T00:00:00.000Z";
const END_TEXT: &str = "2026-03-01T01:00:00.000Z";

fn session(local: &Local) {
    let grafana = Grafana {
        client: local.client(),
    };
    screens::panels(&grafana);
    screens::splitting(&grafana);
    divided::sharding(&grafana);
    divided::aggregated(&grafana);
    screens::resources(&grafana);
    screens::explore(&grafana);
    screens::drilldown(&grafana);
}

#[test]
fn a_session_is_answered_as_grafana_expects() {
    let local = Local::start();
    conformance::push(&local.client());
    divided::push_divided(&local.client());
    session(&local);
    local.flush();
    session(&local);
}
