//! Random histories, with duplicates and stale messages, do to the tables what they do to the model.

use std::collections::BTreeMap;

use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Fidelity, Trial};
use nas_space::seed::Seed;
use nas_study::processes::protocol::{Answer, Job};
use tokio_postgres::types::Type;

use super::model::{Model, Row, Said};
use super::{fast, times};
use crate::queue::{Claim, Completion, Queue, Shared};
use crate::testing::Server;

pub(super) fn shared(queue: &mut Queue) -> Shared {
    Shared {
        id: queue.new_id().unwrap(),
        name: "study".to_owned(),
        config: "{}".to_owned(),
        description: "synthetic".to_owned(),
    }
}

pub(super) fn job(number: u64) -> Job {
    let architecture = Architecture::new([number as usize % 7, 1]);
    let trial = Trial::new(
        number,
        architecture,
        Fidelity { epochs: 1 },
        Seed::new(u64::MAX - number),
    );
    Job::of(&trial, None)
}

pub(super) fn answer(number: u64) -> Answer {
    Answer::of(number, Ok((Evaluation::new(0.1 + 0.2, 1), None)))
}

/// The tables in the words of the model.
fn recorded(queue: &mut Queue, study: &Shared, workers: &[String]) -> BTreeMap<u64, Row> {
    let rows = queue.query(
        "testing",
        "SELECT t.number, t.state, t.epoch, t.losses, r.epoch, l.worker::text, l.expires < now(), l.epoch
         FROM nas.trial t LEFT JOIN nas.result r ON r.trial = t.id LEFT JOIN nas.lease l ON l.trial = t.id
         WHERE t.study = $1::text::uuid",
        &[(&study.id, Type::TEXT)],
    );
    let rows = rows.unwrap();
    rows.iter()
        .map(|row| {
            let lease = row.get::<_, Option<String>>(5).map(|holder| {
                assert_eq!(
                    row.get::<_, i64>(7),
                    row.get::<_, i64>(2),
                    "a lease of another epoch"
                );
                let worker = workers.iter().position(|worker| *worker == holder).unwrap();
                (worker, row.get::<_, bool>(6))
            });
            let recorded = Row {
                state: row.get(1),
                epoch: row.get(2),
                losses: row.get(3),
                result: row.get(4),
                lease,
            };
            (row.get::<_, i64>(0) as u64, recorded)
        })
        .collect()
}

/// Draws, from a stream of its own for each history.
struct Draws {
    seed: Seed,
    drawn: u64,
}

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.drawn += 1;
        (self.seed.derive("draw", self.drawn).value() % bound as u64) as usize
    }
}

#[test]
fn random_histories_agree_with_the_model() {
    let Some(server) = Server::start() else { return };
    let mut queue = Queue::new(&server.address(), fast().lease * 1_000).unwrap();
    queue.create_tables().unwrap();
    let workers: Vec<String> = (0..3)
        .map(|n| queue.register(&format!("host {n}"), 1, "test").unwrap())
        .collect();
    let mut seen = BTreeMap::new();
    for history in 0..times(60, 1_000) {
        let mut draws = Draws {
            seed: Seed::new(7).derive("history", u64::from(history)),
            drawn: 0,
        };
        let study = shared(&mut queue);
        let owner = queue.own(&study, "test").unwrap();
        let mut model = Model::default();
        // Every claim that was ever made, so that late and repeated messages come too.
        let mut claims: Vec<(usize, u64, Claim)> = Vec::new();
        for step in 0..40 {
            let what = format!("history {history}, step {step}");
            let action = draws.below(12);
            *seen.entry(action).or_insert(0) += 1;
            match action {
                0..=2 => {
                    // The same trials as before come again.
                    let first = draws.below(6) as u64;
                    let jobs: Vec<Job> = (first..first + 3).map(job).collect();
                    queue.propose(&study, owner, &jobs).unwrap();
                    (first..first + 3).for_each(|number| model.propose(number));
                }
                3..=5 => {
                    let worker = draws.below(3);
                    let claimed = queue.claim(&study, &workers[worker]).unwrap();
                    let expected = model.claim(worker);
                    let got = claimed.as_ref().map(|(claim, job)| (job.id, claim.epoch));
                    assert_eq!(got, expected, "{what}");
                    if let Some((claim, given)) = claimed {
                        assert_eq!(given, job(given.id), "{what}");
                        claims.push((worker, given.id, claim));
                    }
                }
                6 => {
                    let worker = draws.below(3);
                    let own: Vec<(u64, Claim)> = claims
                        .iter()
                        .filter(|(holder, ..)| *holder == worker)
                        .map(|(_, number, claim)| (*number, *claim))
                        .collect();
                    let asked: Vec<Claim> = own.iter().map(|(_, claim)| *claim).collect();
                    let mut renewed = queue.beat(&workers[worker], &asked, fast().reap).unwrap().renewed;
                    renewed.sort();
                    let mut expected: Vec<Claim> = own
                        .iter()
                        .filter(|(number, claim)| model.beat(worker, *number, claim.epoch))
                        .map(|(_, claim)| *claim)
                        .collect();
                    expected.sort();
                    assert_eq!(renewed, expected, "{what}");
                }
                7 | 8 => {
                    let Some(&(_, number, claim)) = claims.get(draws.below(claims.len().max(1))) else {
                        continue;
                    };
                    let expire =
                        "UPDATE nas.lease SET expires = now() - interval '1 second' WHERE trial = $1";
                    queue
                        .query("testing", expire, &[(&claim.trial, Type::INT8)])
                        .unwrap();
                    model.expire(number);
                    if draws.below(2) == 0 {
                        // Somebody has looked a moment ago, or nobody would be freed.
                        let looked = "UPDATE nas.reaper SET last_run = now()";
                        queue.query("testing", looked, &[]).unwrap();
                        assert_eq!(queue.reap().unwrap(), model.reap(), "{what}");
                    }
                }
                9 | 10 => {
                    let Some(&(worker, number, claim)) = claims.get(draws.below(claims.len().max(1))) else {
                        continue;
                    };
                    for _ in 0..=draws.below(2) {
                        let said = queue
                            .complete(&workers[worker], claim, &answer(number), 1.5)
                            .unwrap();
                        let expected = match model.complete(number, claim.epoch) {
                            Said::Stored => Completion::Stored,
                            Said::Already => Completion::Already,
                            Said::Refused => Completion::Refused,
                        };
                        assert_eq!(said, expected, "{what}");
                    }
                }
                _ => {
                    let Some(&(_, number, claim)) = claims.get(draws.below(claims.len().max(1))) else {
                        continue;
                    };
                    let released = queue.release(claim, "test").unwrap();
                    assert_eq!(released, model.release(number, claim.epoch), "{what}");
                }
            }
            assert_eq!(recorded(&mut queue, &study, &workers), model.trials, "{what}");
        }
        // Leases are looked after for all studies together.
        server.execute("DELETE FROM nas.lease");
        let all: Vec<u64> = model.trials.keys().copied().collect();
        let endings = queue.endings(&study, &all).unwrap();
        let ended: Vec<u64> = endings.iter().map(|ending| ending.number).collect();
        let expected: Vec<u64> = model
            .trials
            .iter()
            .filter(|(_, row)| row.state >= 2)
            .map(|(number, _)| *number)
            .collect();
        assert_eq!(ended, expected);
        for ending in endings {
            let row = &model.trials[&ending.number];
            assert_eq!(ending.losses.len(), row.losses as usize);
            assert_eq!(
                ending.answer,
                row.result.map(|_| (answer(ending.number), 1.5)),
                "bit for bit"
            );
        }
    }
    assert_eq!(seen.len(), 12, "every step came");
    // What was done, released or lost stands once for each claim; no claim has two ends.
    let twice = server.number(
        "SELECT count(*) FROM (SELECT trial, epoch FROM nas.attempt WHERE outcome <> 'stale'
         GROUP BY trial, epoch HAVING count(*) > 1) AS twice",
    );
    assert_eq!(twice, 0);
    assert!(server.number("SELECT count(*) FROM nas.attempt WHERE outcome = 'stale'") > 0);
}
