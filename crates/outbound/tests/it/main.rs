//! Alerts and samples meet receivers that answer, refuse, hang and close, and programs that end in the middle.

mod alertmanager;
mod certificates;
mod crash;
mod discovery;
mod documents;
mod receiver;
mod remote_write;
mod support;
mod webhook;
