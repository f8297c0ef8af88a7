//! Holds a running agent to the budget of its board, and says so when it cannot keep it.

use super::{Event, resident_mb};
use crate::config::board::Board;

/// Turns between two looks at the response gap: enough for a 95th percentile to mean something.
const TURNS: usize = 50;

/// Watches the events of one agent.
pub struct BudgetWatch {
    board: Board,
    /// Response gaps since the last look, in milliseconds.
    gaps: Vec<u32>,
}

impl BudgetWatch {
    pub fn new(board: Board) -> Self {
        Self { board, gaps: Vec::with_capacity(TURNS) }
    }

    /// Takes in an event; returns what is over the budget now, as faults with a way out.
    pub fn see(&mut self, event: &Event) -> Vec<Event> {
        match event {
            Event::Ready { after_ms, .. } => self.started(*after_ms),
            Event::Turn { endpoint_ms, wall_ms, .. } if wall_ms.to_first_audio > 0.0 => {
                self.gaps.push((*endpoint_ms as f32 + wall_ms.to_first_audio) as u32);
                if self.gaps.len() < TURNS {
                    return Vec::new();
                }
                self.look_at_gaps()
            }
            _ => Vec::new(),
        }
    }

    fn started(&self, after_ms: u64) -> Vec<Event> {
        let budget = &self.board.budget;
        let start = self.over("start to listening", after_ms as f64, budget.start_ms, "ms");
        let memory =
            resident_mb().and_then(|mb| self.over("resident memory", mb, budget.resident_mb, "MB"));
        start.into_iter().chain(memory).collect()
    }

    fn look_at_gaps(&mut self) -> Vec<Event> {
        self.gaps.sort_unstable();
        let at = |share: f64| f64::from(self.gaps[((TURNS - 1) as f64 * share) as usize]);
        let budget = &self.board.budget;
        let median = self.over("median response gap", at(0.5), budget.response_gap_p50_ms, "ms");
        let worst = self.over(
            "95th percentile of the response gap",
            at(0.95),
            budget.response_gap_p95_ms,
            "ms",
        );
        self.gaps.clear();
        median.into_iter().chain(worst).collect()
    }

    fn over(&self, what: &str, is: f64, allowed: u32, unit: &str) -> Option<Event> {
        (is > f64::from(allowed)).then(|| Event::Fault {
            what: format!(
                "{what} is {is:.0} {unit}; the budget of board {} is {allowed} {unit}",
                self.board.name
            ),
            hint: "close other programs, or choose the right profile with --board".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::StageTimes;
    use crate::units::SamplePos;

    fn turn(gap_ms: u64) -> Event {
        Event::Turn {
            at: SamplePos(0),
            endpoint_ms: gap_ms - 100,
            wall_ms: StageTimes { to_first_audio: 100.0, ..StageTimes::default() },
        }
    }

    fn faults(watch: &mut BudgetWatch, gap_ms: u64, turns: usize) -> usize {
        (0..turns).map(|_| watch.see(&turn(gap_ms)).len()).sum()
    }

    #[test]
    fn slow_answers_are_reported_once_per_fifty_turns() {
        let mut watch = BudgetWatch::new(Board::default_for_build());
        let allowed = u64::from(watch.board.budget.response_gap_p50_ms);
        assert_eq!(faults(&mut watch, allowed, 100), 0);
        assert_eq!(faults(&mut watch, allowed + 50, 100), 2);
        assert_eq!(faults(&mut watch, allowed + 5_000, 50), 2, "median and 95th percentile");
    }

    #[test]
    fn a_slow_start_is_reported() {
        let mut watch = BudgetWatch::new(Board::default_for_build());
        let ready =
            |after_ms| Event::Ready { microphone: "m".into(), speaker: "s".into(), after_ms };
        let said = |faults: Vec<Event>| {
            faults.iter().any(|f| matches!(f, Event::Fault { what, .. } if what.contains("start")))
        };
        assert!(!said(watch.see(&ready(1))));
        assert!(said(watch.see(&ready(60_000))));
    }
}
