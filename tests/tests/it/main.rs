//! All tests over HTTP, the scripts and the kept fuzz inputs, linked once.

mod asking;
mod dashboard;
mod errors;
mod faults;
mod grafana;
mod grpc;
mod hostile;
mod limits;
mod openapi;
mod origins;
mod page;
mod paging;
mod promtail;
mod recorded_clients;
mod regressions;
mod requests;
mod rights;
mod scenarios;
mod scripts;
mod stopping;
mod store_faults;
mod tail;
mod tenants;
mod tls;
mod typed_urls;
mod unread_body;
