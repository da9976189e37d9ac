//! `kill -9` in the middle of writing, a new start, and a comparison with what was acknowledged.
//!
//! Writers of every kind run at once and note each acknowledged write in a ledger; after a number of
//! acknowledgements, drawn with a fixed seed, the process is killed under them. A write whose answer
//! never came may or may not have happened; every write in the ledger must be there after the start,
//! every operation must end, and none may have been run twice for all to see.
//! `KILL_ROUNDS` sets the number of rounds; `cargo xtask soak` asks for 300.

mod check;
mod identities;
mod ledger;
mod writers;

use std::time::Duration;

use tests::{Edge, eventually, fixtures};

use ledger::Ledger;

const ROUNDS: usize = 20;
const SEED: u64 = 20_261_120;
const PATIENT: &str = "the writers got their acknowledgements";
/// Within this every start must answer, whatever was interrupted.
const START: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_kill_9() {
    let rounds = std::env::var("KILL_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut dice = Dice(SEED);
    let mut edge = Edge::start();
    let published = edge.client().await.publish("keyed", &fixtures::onnx("iris_logistic")).await;
    let mut keys = published.keys.clone();
    let mut slowest = Duration::ZERO;

    for round in 0..rounds {
        let ledger = Ledger::default();
        let client = edge.client().await;
        let first = edge.bootstrap();
        let (l, p) = (|| ledger.clone(), || published.clone());
        let writers = [
            tokio::spawn(writers::register_and_delete(client.clone(), l(), round)),
            tokio::spawn(writers::upload_and_describe(client.clone(), l(), round)),
            tokio::spawn(writers::edit(client.clone(), l(), round)),
            tokio::spawn(writers::pack(client.clone(), l(), p(), round)),
            tokio::spawn(writers::regenerate(client.clone(), l(), p())),
            tokio::spawn(writers::serve_and_stop(client.clone(), l(), p(), round)),
            tokio::spawn(writers::upload_in_chunks(client.clone(), l(), round)),
            tokio::spawn(identities::admit_and_dismiss(client.clone(), l(), first.clone(), round)),
        ];

        let wanted = 5 + dice.below(60);
        eventually(PATIENT, async || (ledger.count() >= wanted).then_some(())).await;
        edge.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        edge.restart();

        let at = format!("round {round} of seed {SEED}");
        assert!(edge.started_in() < START, "{at}: the start took {:?}", edge.started_in());
        slowest = slowest.max(edge.started_in());
        let client = edge.client().await;
        for entry in ledger.take() {
            check::check(&client, &entry, &at).await;
        }
        keys = check::surviving_keys(&client, &published, &keys, &ledger).await;
    }
    #[expect(clippy::print_stderr, reason = "the soak's log keeps it")]
    {
        eprintln!("{rounds} kills; the slowest start took {slowest:?}");
    }
}

/// Numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }
}
