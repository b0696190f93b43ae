//! Tests of the whole library over real sockets, one binary so that it links once.

mod edge_process;
mod edge_server;
mod edge_support;
mod edge_tls;
mod edge_upstream;
