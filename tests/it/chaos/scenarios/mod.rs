//! Ways to pay twice, or to answer wrongly, that a random run rarely meets: each in a few lines, in its own world.
//! `./dev chaos --scenario NAME` runs one.

mod doubt;
mod machine;
mod processes;
mod proofs;
