//! Long random histories: deeper than can be explored.

use proptest::prelude::*;

use super::explore::check;
use super::world::{Act, Duplicates, Setting, World};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_long_history_pays_twice(
        choices in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        duplicates in prop_oneof![
            Just(Duplicates::Refused),
            Just(Duplicates::ForgottenOnceFailed),
            Just(Duplicates::Executed),
        ],
        repeats: bool,
    ) {
        let setting = Setting {
            duplicates,
            lag: 1,
            repeats,
            mixes_up: false,
            attempts_max: 12,
            generations_max: 6,
            ticks_max: i64::MAX,
            moves: false,
        };
        let mut world = World::new();
        let mut path: Vec<Act> = Vec::new();
        let mut resolved = 0;
        for choice in choices {
            let acts = world.acts(&setting);
            let act = acts[choice.index(acts.len())];
            let Some(done) = world.after(act, &setting) else { continue };
            path.push(act);
            check(&world, &done.world, done.contradicts, &setting, || path.clone());
            resolved += u32::from(done.resolves);
            prop_assert!(resolved <= 1, "resolved twice after {:?}", path);
            if done.world.generation > world.generation {
                resolved = 0;
            }
            world = done.world;
        }
    }
}
