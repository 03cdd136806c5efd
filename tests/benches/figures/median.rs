//! Several measurements in one phrase.

use std::time::Duration;

/// `median 3.1 ms of 50 (2.5 to 7.0)`.
pub fn in_words(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let (median, count) = (ms(times.get(times.len() / 2)), times.len());
    format!("median {median:.1} ms of {count} ({:.1} to {:.1})", ms(times.first()), ms(times.last()))
}
