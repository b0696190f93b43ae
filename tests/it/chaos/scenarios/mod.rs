//! Ways to pay twice, or to say what is not true, that a random run seldom meets: each in a few lines on a world of its
//! own. `./dev chaos --scenario NAME` runs one.

mod doubt;
mod machine;
mod processes;
mod proofs;
