//! The least of a case that still shows the same fault.

use std::time::{Duration, Instant};

use super::case::Case;

/// What making a find small may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes away lines, then characters, as long as `is_same` says that the fault is still there.
pub fn minimise(mut case: Case, mut is_same: impl FnMut(&Case) -> bool) -> Case {
    let until = Instant::now() + PATIENCE;
    for index in 0..case.files.len() {
        for unit in [split_lines, split_characters] {
            shrink(&mut case, index, unit, until, &mut is_same);
        }
    }
    case
}

fn shrink(
    case: &mut Case,
    index: usize,
    split: fn(&str) -> Vec<String>,
    until: Instant,
    is_same: &mut impl FnMut(&Case) -> bool,
) {
    let mut pieces = split(&case.files[index].1);
    let mut chunk = pieces.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut shrunk = false;
        while at < pieces.len() && Instant::now() < until {
            let mut fewer = pieces.clone();
            fewer.drain(at..(at + chunk).min(pieces.len()));
            let mut tried = case.clone();
            tried.files[index].1 = fewer.concat();
            if is_same(&tried) {
                (*case, pieces, shrunk) = (tried, fewer, true);
            } else {
                at += chunk;
            }
        }
        if Instant::now() >= until || (chunk == 1 && !shrunk) {
            return;
        }
        chunk = (chunk / 2).max(1);
    }
}

fn split_lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

fn split_characters(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}
