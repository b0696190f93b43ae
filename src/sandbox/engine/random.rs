//! A small seeded generator (SplitMix64), so that a run with random faults can be repeated exactly.
//!
//! Not for secrets: it only decides which requests a probability rule hits.

/// A SplitMix64 sequence.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Whether something of this probability (0 to 1) happens now. Always takes one step, so that the sequence does not
    /// depend on the requested probabilities.
    pub fn happens(&mut self, probability: f64) -> bool {
        // The upper 53 bits fill a double's fraction: evenly distributed over [0, 1).
        let fraction = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        fraction < probability
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let run = |seed| {
            let mut random = Random::seeded(seed);
            (0..64).map(|_| random.happens(0.5)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn probabilities_are_kept_in_the_long_run() {
        let mut random = Random::seeded(1);
        let hits = (0..10_000).filter(|_| random.happens(0.1)).count();
        assert!((900..1100).contains(&hits), "{hits} of 10000 at a probability of 0.1");
        assert!(!(0..1000).any(|_| random.happens(0.0)), "never means never");
        assert!((0..1000).all(|_| random.happens(1.0)), "always means always");
    }

    #[test]
    fn the_sequence_is_the_published_one() {
        // First outputs of SplitMix64 for seed 1234567, as widely published with the algorithm.
        let mut random = Random::seeded(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
