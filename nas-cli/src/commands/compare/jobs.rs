//! Several runs at a time, each with its share of the threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use rayon::ThreadPoolBuilder;

/// Does all jobs, `at_a_time` of them at once, in their order, and gives their results in that order. A job is taken from `jobs`
/// when it begins. Each job computes with its own threads, so that the time of one contains no work for another. After a failure
/// no further job begins, and the error of the first job that failed is given.
pub(super) fn run<J: Send, T: Send>(
    jobs: impl Iterator<Item = J> + Send,
    at_a_time: usize,
    work: impl Fn(J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = (rayon::current_num_threads() / at_a_time).max(1);
    let (next, failed) = (Mutex::new(jobs.enumerate()), AtomicBool::new(false));
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || -> Result<Vec<(usize, Result<T>)>> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let Some((place, job)) = take() else { break };
            let result = pool.install(|| work(job));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((place, result));
        }
        Ok(done)
    };
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(results) => done.extend(results?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<(), anyhow::Error>(())
    })?;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use anyhow::bail;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for at_a_time in [1, 3, 80] {
            let doubled = run(0..50, at_a_time, |job| Ok(2 * job)).unwrap();
            assert_eq!(doubled, (0..50).map(|job| 2 * job).collect::<Vec<_>>());
        }
        assert!(run(0..0, 4, |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn after_a_failure_no_other_is_begun() {
        let begun = AtomicUsize::new(0);
        // Jobs without end, none of which is made before its turn.
        let failed = run(0.., 2, |job| {
            begun.fetch_add(1, Ordering::Relaxed);
            if job == 3 {
                bail!("job 3 failed");
            }
            // Longer than it takes to fail, with a backtrace.
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "job 3 failed");
        assert!(begun.load(Ordering::Relaxed) < 20);
    }
}
