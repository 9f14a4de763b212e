//! Loki's own pushes, over HTTP and gRPC: JSON of either shape, and protobuf.

pub(crate) mod json;
mod protobuf;
mod push;

pub(crate) use push::{GrpcPush, HttpPush};
