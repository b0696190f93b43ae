//! The state machine on its own: single cases, every interleaving with a model provider, and long random ones.

mod cases;
mod explore;
mod fingerprints;
mod random;
mod world;
