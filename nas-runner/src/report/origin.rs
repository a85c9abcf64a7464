//! What the search ran on, and how to run it again.

use std::collections::BTreeSet;

use anyhow::Result;
use nas_report::page::Html;

use super::Run;
use crate::plan::Estimation;
use crate::shell;

/// Versions, threads, devices.
pub(super) fn environment(run: &Run) -> Html {
    let mut html = Html::new();
    let mut facts: Vec<(&str, String)> = Vec::new();
    for environment in &run.environments {
        let workers = match environment.workers {
            1 => String::new(),
            workers => format!(", {workers} trials at a time"),
        };
        facts.push(("Program", format!("nas {}", environment.version)));
        facts.push((
            "Machine",
            format!(
                "{}, {}, {} threads{workers}, CPU kernels for {}",
                environment.cpu.as_deref().unwrap_or("a CPU of unknown name"),
                environment.system,
                environment.threads,
                environment.kernels
            ),
        ));
    }
    if run.environments.is_empty() {
        facts.push((
            "Machine",
            "not recorded: an earlier version of the program ran this search".to_owned(),
        ));
    }
    if let Some(study) = &run.study {
        facts.push(("Records", study.software.clone()));
    }
    let devices: BTreeSet<&str> = run
        .evaluated()
        .iter()
        .map(|trial| trial.evaluation.device.as_str())
        .collect();
    if !devices.is_empty() {
        facts.push((
            "Devices of the trials",
            devices.into_iter().collect::<Vec<_>>().join(", "),
        ));
    }
    if run.environments.len() > 1 {
        html.paragraph("It was run or resumed under different conditions, in this order:");
    }
    html.facts(&facts);
    html
}

/// The command, and all settings.
pub(super) fn repeat(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let config = shell::quoted(&run.path.join("config.toml"));
    html.code(&format!("nas search --config {config}"));
    let on_cpu = run.config.images().is_none_or(|images| images.device == "cpu");
    html.paragraph(match (on_cpu, run.config.budget.seconds) {
        (true, None) => {
            "It gives the same result, bit for bit, on a CPU of the same kind, for any number of threads \
             and workers. With --run DIR, it uses another directory."
        }
        (true, Some(_)) => {
            "The budget is in seconds, so the number of trials depends on the machine. Each trial gives the same result again."
        }
        (false, _) => "It was not run on the CPU: results may differ in their last digits.",
    });
    let mut files: Vec<String> = Vec::new();
    if let Some(images) = run.config.images().and_then(|images| images.data_dir) {
        files.push(format!("the data set's files in {}", images.display()));
    }
    if let Estimation::Table(plan) = &run.config.estimation {
        files.extend(
            plan.table
                .as_ref()
                .map(|table| format!("the table {}", table.display())),
        );
    }
    if !files.is_empty() {
        html.paragraph(&format!("It needs {}.", files.join(" and ")));
    }
    let mut inner = Html::new();
    inner.code(&run.config_text);
    html.details("config.toml: every setting", &inner);
    if let Some(study) = &run.study {
        let mut inner = Html::new();
        inner.broken_code(&study.config.evaluator);
        html.details(
            "The evaluator, as recorded: equal names mean equal figures",
            &inner,
        );
    }
    Ok(html)
}

/// A moment in seconds since 1970 as a date in UTC.
pub fn date(unix_seconds: f64) -> String {
    let seconds = unix_seconds.max(0.0) as u64;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's algorithm: years that begin in March, in eras of 400.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02} UTC",
        of_day / 3600,
        of_day % 3600 / 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0.0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_399.0), "2000-02-28 23:59 UTC");
        assert_eq!(date(951_782_400.0), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_764_180_600.5), "2025-11-26 18:10 UTC");
        assert_eq!(date(f64::NAN), "1970-01-01 00:00 UTC");
    }
}
