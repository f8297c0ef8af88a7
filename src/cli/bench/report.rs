//! What `mynah bench` found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::workbench::Answer;

/// All figures of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub mynah: &'static str,
    pub machine: Machine,
    pub kernel: &'static str,
    pub board: String,
    pub repeat: usize,
    /// By model.
    pub load: BTreeMap<&'static str, Loaded>,
    /// From the start of the process to where it would open the sound devices.
    pub start: Loaded,
    /// With everything loaded, after the longest utterance and a reply. 10⁶ bytes.
    pub working_resident_mb: f64,
    pub working_peak_mb: f64,
    /// The detector on one window of 32 ms.
    pub window: Took,
    /// Whether it sounds as if a turn were over, once in a pause.
    pub done: Took,
    pub hearing: Vec<Heard>,
    pub searched: Searched,
    pub understand: Took,
    /// The sentence encoder on the same sentence.
    pub embed: Took,
    /// The agent's intents, from all its samples.
    pub learn: Took,
    pub say: Said,
    /// The ear in a quiet room, in hundredths of a processor.
    pub quiet_percent: f64,
    /// The first stage for all wake phrases it knows, likewise.
    pub spot_percent: f64,
}

#[derive(Debug, Serialize)]
pub struct Machine {
    pub cpu: String,
    /// That the process may run on.
    pub processors: usize,
}

/// Medians, each of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Took {
    pub cpu_ms: f64,
    pub wall_ms: f64,
}

/// One length of utterance.
#[derive(Debug, Serialize)]
pub struct Heard {
    pub seconds: u32,
    pub encode: Took,
    /// One step of the decoder.
    pub step: Took,
    /// One step for six hypotheses.
    pub step_of_6: Took,
    pub whole: Took,
    /// Tokens in the whole.
    pub tokens: usize,
}

/// What the search for an agent's sentences costs, each.
#[derive(Debug, Serialize)]
pub struct Searched {
    pub sentences: usize,
    /// Free decoding alone.
    pub free: Took,
    /// With the search: the first time that a process hears each, and later.
    pub first: Took,
    pub again: Took,
}

#[derive(Debug, Serialize)]
pub struct Said {
    pub cpu_ms: f64,
    pub wall_ms: f64,
    pub first_audio_ms: f64,
    /// Length of the sound.
    pub seconds: f64,
    /// Work per length of sound.
    pub rtf: f64,
}

/// What loading took in a process of its own.
#[derive(Debug, Serialize)]
pub struct Loaded {
    pub cpu_ms: f64,
    pub wall_ms: f64,
    /// The same, from the start of the process on.
    pub since_start_ms: f64,
    /// Of the process, and what of it was there before.
    pub resident_mb: f64,
    pub peak_mb: f64,
    pub before_mb: f64,
}

impl Took {
    /// Of pieces of work as a whole.
    pub fn whole(answers: &[Answer]) -> Self {
        Self {
            cpu_ms: median(answers.iter().map(|answer| answer.cpu_ms)),
            wall_ms: median(answers.iter().map(|answer| answer.wall_ms)),
        }
    }

    /// Of what the answers count.
    pub fn each(answers: &[Answer]) -> Self {
        let count = answers.first().and_then(|answer| answer.count).unwrap_or(1).max(1) as f64;
        let Self { cpu_ms, wall_ms } = Self::whole(answers);
        Self { cpu_ms: cpu_ms / count, wall_ms: wall_ms / count }
    }
}

impl Said {
    pub fn new(answers: &[Answer]) -> Self {
        let Took { cpu_ms, wall_ms } = Took::whole(answers);
        let first = answers.iter().filter_map(|answer| answer.first_audio_ms);
        let seconds = median(answers.iter().filter_map(|answer| answer.seconds));
        let rtf = wall_ms / 1000.0 / seconds;
        Self { cpu_ms, wall_ms, first_audio_ms: median(first), seconds, rtf }
    }
}

impl Loaded {
    /// Of answers, and the milliseconds from the start of their process to each.
    pub fn new(answers: &[(Answer, f64)]) -> Self {
        let of =
            |field: fn(&Answer) -> f64| median(answers.iter().map(|(answer, _)| field(answer)));
        Self {
            cpu_ms: of(|answer| answer.cpu_ms),
            wall_ms: of(|answer| answer.wall_ms),
            since_start_ms: median(answers.iter().map(|(_, since_start_ms)| *since_start_ms)),
            resident_mb: of(|answer| answer.resident_mb),
            peak_mb: of(|answer| answer.peak_mb),
            before_mb: of(|answer| answer.before_mb.unwrap_or_default()),
        }
    }
}

/// CPU time per length of sound.
pub fn share_of_sound(answers: &[Answer]) -> f64 {
    let share = |answer: &Answer| Some(answer.cpu_ms / 1000.0 / answer.seconds?);
    median(answers.iter().filter_map(share))
}

/// The upper of the two middle values when there are two; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What the system calls its processor.
pub fn cpu_name() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    name_in(&text).unwrap_or_else(|| format!("unknown {} processor", std::env::consts::ARCH))
}

/// x86 tells the processor's name; Arm boards tell their own at the end.
fn name_in(cpuinfo: &str) -> Option<String> {
    ["model name", "Model", "Hardware"].into_iter().find_map(|wanted| {
        cpuinfo.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            (field.trim() == wanted).then(|| value.trim().to_owned())
        })
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, processors } = &self.machine;
        writeln!(f, "mynah {}", self.mynah)?;
        writeln!(f, "{cpu}, {processors} in use; kernel {}, board {}", self.kernel, self.board)?;
        writeln!(f, "medians of {}\n\n{:26}{:>9}{:>9}", self.repeat, "", "CPU ms", "wall ms")?;
        for (model, loaded) in &self.load {
            let added = loaded.resident_mb - loaded.before_mb;
            let note =
                format!("{added:.0} MB, {:.0} MB at the most", loaded.peak_mb - loaded.before_mb);
            row(f, &format!("load the {model}"), loaded.cpu_ms, loaded.wall_ms, &note)?;
        }
        let since = format!("{:.0} ms from the start of the process", self.start.since_start_ms);
        row(f, "start, everything loaded", self.start.cpu_ms, self.start.wall_ms, &since)?;
        row(f, "judge 32 ms of sound", self.window.cpu_ms, self.window.wall_ms, "")?;
        row(f, "hear a turn's end", self.done.cpu_ms, self.done.wall_ms, "once in a pause")?;
        for Heard { seconds, encode, .. } in &self.hearing {
            row(f, &format!("encode {seconds:2} s"), encode.cpu_ms, encode.wall_ms, "")?;
        }
        for Heard { seconds, step, .. } in &self.hearing {
            let note = format!("{:.0} tokens a second", 1000.0 / step.wall_ms);
            row(f, &format!("decode a token, {seconds:2} s"), step.cpu_ms, step.wall_ms, &note)?;
        }
        for Heard { seconds, step, step_of_6: six, .. } in &self.hearing {
            let note = format!("{:.1} times one", six.cpu_ms / step.cpu_ms);
            row(f, &format!("decode six, {seconds:6} s"), six.cpu_ms, six.wall_ms, &note)?;
        }
        for Heard { seconds, whole, tokens, .. } in &self.hearing {
            let note = format!("{tokens} tokens");
            row(f, &format!("recognise {seconds:2} s"), whole.cpu_ms, whole.wall_ms, &note)?;
        }
        let Searched { sentences, free, first, again } = &self.searched;
        let beside = |took: &Took| took.cpu_ms - free.cpu_ms;
        let note = format!(
            "search beside free words {:.0} ms CPU, at first {:.0}; {sentences} sentences",
            beside(again),
            beside(first)
        );
        row(f, "listen for a sentence", again.cpu_ms, again.wall_ms, &note)?;
        row(f, "understand a sentence", self.understand.cpu_ms, self.understand.wall_ms, "")?;
        row(f, "embed a sentence", self.embed.cpu_ms, self.embed.wall_ms, "")?;
        row(f, "learn the agent's intents", self.learn.cpu_ms, self.learn.wall_ms, "")?;
        let Said { cpu_ms, wall_ms, first_audio_ms, seconds, rtf } = &self.say;
        let note = format!("real-time factor {rtf:.4}, first sound after {first_audio_ms:.1} ms");
        row(f, &format!("say {seconds:.1} s of speech"), *cpu_ms, *wall_ms, &note)?;
        let (now, peak) = (self.working_resident_mb, self.working_peak_mb);
        write!(
            f,
            "\nmemory at work: {now:.0} MB resident, {peak:.0} MB at the most\n\
             a quiet room: {:.2} % of a processor; listening for all known wake phrases: {:.2} %",
            self.quiet_percent, self.spot_percent
        )
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    cpu_ms: f64,
    wall_ms: f64,
    note: &str,
) -> fmt::Result {
    // Four digits say all there is to know.
    let digits = if cpu_ms < 1.0 {
        3
    } else if cpu_ms < 100.0 {
        2
    } else {
        0
    };
    let line = format!("{what:26}{cpu_ms:9.digits$}{wall_ms:9.digits$}  {note}");
    writeln!(f, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_value_counts() {
        for (values, middle) in
            [(&[][..], 0.0), (&[2.0], 2.0), (&[9.0, 1.0, 3.0], 3.0), (&[4.0, 1.0], 4.0)]
        {
            assert_eq!(median(values.iter().copied()), middle, "{values:?}");
        }
    }

    #[test]
    fn processors_are_named() {
        for (cpuinfo, name) in [
            ("processor\t: 0\nmodel name\t: Some CPU\nmodel name\t: Other", Some("Some CPU")),
            (
                "processor\t: 0\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0",
                Some("Raspberry Pi 5 Model B Rev 1.0"),
            ),
            ("model\t: 17", None),
        ] {
            assert_eq!(name_in(cpuinfo).as_deref(), name, "{cpuinfo}");
        }
    }

    #[test]
    fn figures_are_taken_per_piece() {
        let answer =
            |cpu_ms, count| Answer { cpu_ms, wall_ms: 2.0 * cpu_ms, count, ..Answer::default() };
        let answers = [answer(10.0, Some(5)), answer(30.0, Some(5)), answer(20.0, Some(5))];
        assert_eq!(Took::each(&answers).cpu_ms, 4.0);
        assert_eq!(Took::whole(&answers).wall_ms, 40.0);
        assert_eq!(Took::each(&[answer(3.0, None)]).wall_ms, 6.0);
    }
}
