//! Several runs at a time, each with its share of the threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use rayon::ThreadPoolBuilder;

/// Does all jobs, `at_a_time` of them at once, in their order, and gives what they came to in that order. Each has threads of its
/// own, so that none works for another, whose time would not be its own. After a failure no other is begun; of several, the
/// first one's is given.
pub(super) fn run<J: Sync, T: Send>(
    jobs: &[J],
    at_a_time: usize,
    work: impl Fn(&J) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let at_a_time = at_a_time.min(jobs.len()).max(1);
    let threads = (rayon::current_num_threads() / at_a_time).max(1);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || -> Result<Vec<(usize, Result<T>)>> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(place) else { break };
            let result = pool.install(|| work(job));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((place, result));
        }
        Ok(done)
    };
    let mut done = Vec::with_capacity(jobs.len());
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
    use anyhow::bail;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..50).collect();
        for at_a_time in [1, 3, 80] {
            let doubled = run(&jobs, at_a_time, |job| Ok(2 * job)).unwrap();
            assert_eq!(doubled, jobs.iter().map(|job| 2 * job).collect::<Vec<_>>());
        }
        assert!(run(&[], 4, |(): &()| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn after_a_failure_no_other_is_begun() {
        let begun = AtomicUsize::new(0);
        let jobs: Vec<u32> = (0..1000).collect();
        let failed = run(&jobs, 2, |&job| {
            begun.fetch_add(1, Ordering::Relaxed);
            if job == 3 {
                bail!("job 3 failed");
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "job 3 failed");
        assert!(begun.load(Ordering::Relaxed) < 20);
    }
}
