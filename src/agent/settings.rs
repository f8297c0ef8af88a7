//! `agent.toml`: what an agent is called and how it listens, waits and sounds.

use std::ops::{Range, RangeInclusive};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::thresholds::{Costs, Thresholds};
use crate::config::diagnostic::{Diagnostic, Source, nearest};
use crate::hear::EndpointSettings;
use crate::nlu::{WAKE_BOUND, normal};
use crate::tts::{PACE, PITCH};

/// The checked settings of an agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentSettings {
    pub listening: ListeningSettings,
    pub voice: VoiceSettings,
    pub endpoint: EndpointSettings,
    pub time_outs: TimeOuts,
    pub limits: Limits,
    pub thresholds: Thresholds,
}

/// When the agent listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListeningMode {
    /// All the time.
    #[default]
    Always,
    /// After somebody said one of its phrases.
    Wake,
    /// While somebody presses a button.
    PushToTalk,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListeningSettings {
    pub mode: ListeningMode,
    /// What the agent is called by in mode `wake`, as written; at least one there.
    pub phrases: Vec<String>,
    /// How long it stays awake for more after an answer, in seconds.
    pub follow_up_s: f64,
    /// How probable a call must be, 0..1.
    pub wake_bound: f32,
    /// How probable a phrase must be to the small network that knows it, 0..1; it is never less than
    /// what the network's authors recommend.
    pub spot_bound: f32,
    /// While nobody is being served, let talk that is not understood pass without a word: for
    /// rooms in which people talk to each other.
    pub ignore_unknown: bool,
}

impl Default for ListeningSettings {
    fn default() -> Self {
        Self {
            mode: ListeningMode::Always,
            phrases: Vec::new(),
            follow_up_s: 8.0,
            wake_bound: WAKE_BOUND,
            spot_bound: 0.0,
            ignore_unknown: false,
        }
    }
}

impl ListeningSettings {
    pub fn follow_up_ms(&self) -> u64 {
        (self.follow_up_s * 1000.0) as u64
    }
}

/// How the agent sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceSettings {
    /// Speed of speech as a factor; 1 is the voice's own.
    pub pace: f32,
    /// Pitch as a factor; 1 is the voice's own.
    pub pitch: f32,
}

impl Default for VoiceSettings {
    fn default() -> Self {
        Self { pace: 1.0, pitch: 1.0 }
    }
}

/// How long the agent waits, in seconds, counted from the end of its own words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeOuts {
    /// For the answer to a question: then it asks once more, then it ends the session.
    pub answer_s: f64,
    /// For another request: then the visitor has left.
    pub idle_s: f64,
}

impl Default for TimeOuts {
    fn default() -> Self {
        Self { answer_s: 8.0, idle_s: 20.0 }
    }
}

impl TimeOuts {
    pub fn answer_ms(&self) -> u64 {
        (self.answer_s * 1000.0) as u64
    }

    pub fn idle_ms(&self) -> u64 {
        (self.idle_s * 1000.0) as u64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The session ends when this many utterances in a row were not understood.
    pub not_understood: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { not_understood: 3 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenListening {
    mode: Option<Spanned<String>>,
    phrases: Option<Vec<Spanned<String>>>,
    follow_up_s: Option<Spanned<f64>>,
    wake_bound: Option<Spanned<f64>>,
    spot_bound: Option<Spanned<f64>>,
    ignore_unknown: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVoice {
    pace: Option<Spanned<f64>>,
    pitch: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTimeOuts {
    answer_s: Option<Spanned<f64>>,
    idle_s: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    not_understood: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThresholds {
    accept: Option<Spanned<f64>>,
    confirm: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCosts {
    wrong: Option<Spanned<f64>>,
    question: Option<Spanned<f64>>,
}

const SECTIONS: &[&str] =
    &["name", "listening", "voice", "endpoint", "time_outs", "limits", "thresholds", "costs"];

/// Most phrases that an agent is called by.
const MOST_PHRASES: usize = 10;
/// A second is the least a person needs; after ten minutes nobody is there.
const TIME_OUT_S: RangeInclusive<f64> = 1.0..=600.0;
const NOT_UNDERSTOOD: RangeInclusive<f64> = 1.0..=20.0;
const PROBABILITY: RangeInclusive<f64> = 0.0..=1.0;
/// Against not understanding: from nothing much to a hundred times as bad.
const COST: RangeInclusive<f64> = 0.01..=100.0;

/// What `agent.toml` says.
pub struct Written {
    pub name: String,
    pub settings: AgentSettings,
    /// Where each of the phrases stands, in bytes of the file.
    pub phrases_at: Vec<Range<usize>>,
}

/// Reads `agent.toml`; returns what it says, or every mistake in it.
pub fn read(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Written> {
    let before = problems.len();
    let mut toml = Toml { source, problems };
    let table = match DeTable::parse(&source.text) {
        Ok(table) => table.into_inner(),
        Err(e) => {
            toml.report(&e, &(0..0));
            return None;
        }
    };
    let mut settings = AgentSettings::default();
    let mut name = None;
    let mut phrases_at = Vec::new();
    let has_thresholds = table.contains_key("thresholds");
    for (key, value) in table {
        let at = value.span();
        match key.get_ref().as_ref() {
            "name" => name = toml.name(value),
            "listening" => phrases_at = toml.listening(value, &mut settings.listening),
            "voice" => toml.voice(value, &mut settings.voice),
            "endpoint" => toml.endpoint(value, at, &mut settings.endpoint),
            "time_outs" => toml.time_outs(value, &mut settings.time_outs),
            "limits" => toml.limits(value, &mut settings.limits),
            "thresholds" => toml.thresholds(value, &mut settings.thresholds),
            "costs" if has_thresholds => {
                let message = "agent.toml has both `costs` and `thresholds`";
                let help = "delete one of them: thresholds follow from costs";
                toml.problems.push(Diagnostic::new(source, key.span(), message).help(help));
            }
            "costs" => toml.costs(value, &mut settings.thresholds),
            other => {
                let help = match nearest(other, SECTIONS.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", SECTIONS.join(", ")),
                };
                let message = format!("agent.toml has no key `{other}`");
                toml.problems.push(Diagnostic::new(source, key.span(), message).help(help));
            }
        }
    }
    if name.is_none() && toml.problems.len() == before {
        let message = "agent.toml has no `name`";
        let help = "add a first line like `name = \"coffee\"`";
        toml.problems.push(Diagnostic::new(source, 0..0, message).help(help));
    }
    name.filter(|_| problems.len() == before).map(|name| Written { name, settings, phrases_at })
}

struct Toml<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Diagnostic>,
}

impl Toml<'_> {
    fn section<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        let at = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(section) => Some(section),
            Err(e) => {
                self.report(&e, &at);
                None
            }
        }
    }

    fn report(&mut self, error: &toml::de::Error, section: &Range<usize>) {
        let at = error.span().unwrap_or_else(|| section.clone());
        let message = error.message();
        // "unknown field `pase`, expected one of `pace`, `pitch`"
        let mut names = message.split('`').skip(1).step_by(2);
        let help = match names.next() {
            Some(wrong) if message.starts_with("unknown field") => {
                nearest(wrong, names).map(|near| format!("did you mean `{near}`?"))
            }
            _ => None,
        };
        let help = help.unwrap_or_else(|| "docs/agents.md shows every key with its values".into());
        self.problems.push(Diagnostic::new(self.source, at, message.trim_end()).help(help));
    }

    /// A factor of the voice, in the bounds that the voice itself keeps.
    fn factor(
        &mut self,
        written: Option<Spanned<f64>>,
        field: &str,
        bounds: RangeInclusive<f32>,
    ) -> Option<f32> {
        // Through text, so that a bound is shown and compared as it is written.
        let exact = |bound: &f32| bound.to_string().parse::<f64>().unwrap_or(f64::from(*bound));
        let range = exact(bounds.start())..=exact(bounds.end());
        self.number(written, field, &range).map(|value| value as f32)
    }

    fn number(
        &mut self,
        written: Option<Spanned<f64>>,
        field: &str,
        range: &RangeInclusive<f64>,
    ) -> Option<f64> {
        let written = written?;
        let (at, value) = (written.span(), written.into_inner());
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = (range.start(), range.end());
        let message = format!("{field} is {value}; it must lie from {low} to {high}");
        let help = format!("write {}, or delete the line", value.clamp(*low, *high));
        let help = if value.is_nan() { "write a number".to_owned() } else { help };
        self.problems.push(Diagnostic::new(self.source, at, message).help(help));
        None
    }

    fn name(&mut self, value: Spanned<DeValue<'_>>) -> Option<String> {
        let at = value.span();
        let name: String = self.section(value)?;
        if name.trim().is_empty() {
            self.problems.push(Diagnostic::new(self.source, at, "name is empty").help(
                "replies may say it as `{{ agent }}`: write what people should call the agent",
            ));
            return None;
        }
        Some(name)
    }

    /// Returns where each phrase stands.
    fn listening(
        &mut self,
        value: Spanned<DeValue<'_>>,
        into: &mut ListeningSettings,
    ) -> Vec<Range<usize>> {
        let section = value.span();
        let Some(written) = self.section::<WrittenListening>(value) else { return Vec::new() };
        into.ignore_unknown = written.ignore_unknown.unwrap_or(into.ignore_unknown);
        if let Some(s) = self.number(written.follow_up_s, "listening.follow_up_s", &TIME_OUT_S) {
            into.follow_up_s = s;
        }
        if let Some(p) = self.number(written.wake_bound, "listening.wake_bound", &PROBABILITY) {
            into.wake_bound = p as f32;
        }
        if let Some(p) = self.number(written.spot_bound, "listening.spot_bound", &PROBABILITY) {
            into.spot_bound = p as f32;
        }
        let phrases = written.phrases.unwrap_or_default();
        self.phrases(&phrases);
        let phrases_at = phrases.iter().map(Spanned::span).collect();
        into.phrases = phrases.into_iter().map(Spanned::into_inner).collect();
        self.mode(written.mode.as_ref(), section, into);
        phrases_at
    }

    fn phrases(&mut self, phrases: &[Spanned<String>]) {
        let mut wrong = |at: &Spanned<String>, message: String, help: &str| {
            self.problems.push(Diagnostic::new(self.source, at.span(), message).help(help));
        };
        if let Some(one_too_many) = phrases.get(MOST_PHRASES) {
            let message = format!("listening.phrases has more than {MOST_PHRASES} phrases");
            let help = "every one is another way to be woken by mistake: keep those people use";
            wrong(one_too_many, message, help);
        }
        let spelled: Vec<String> = phrases.iter().map(|phrase| normal(phrase.get_ref())).collect();
        for (index, (phrase, text)) in phrases.iter().zip(&spelled).enumerate() {
            let written = phrase.get_ref();
            if text.is_empty() {
                let message = format!("listening.phrases: there is no word in `{written}`");
                wrong(phrase, message, "write what people call the agent by, as in `hey jarvis`");
            } else if spelled[..index].contains(text) {
                let message =
                    format!("listening.phrases names `{text}` twice, here as `{written}`");
                wrong(phrase, message, "delete one of them: capitals and punctuation do not count");
            }
        }
    }

    fn mode(
        &mut self,
        mode: Option<&Spanned<String>>,
        section: Range<usize>,
        into: &mut ListeningSettings,
    ) {
        let at = mode.map_or(section, Spanned::span);
        let (problem, help) = match mode.map(|mode| mode.get_ref().as_str()) {
            Some("wake") if into.phrases.is_empty() => (
                "listening.mode is `wake`, and listening.phrases names no phrase".to_owned(),
                "add a line like `phrases = [\"hey jarvis\"]`",
            ),
            Some("wake") => return into.mode = ListeningMode::Wake,
            _ if !into.phrases.is_empty() => (
                "listening.phrases is for the mode `wake` alone".to_owned(),
                "write `mode = \"wake\"`, or delete the phrases",
            ),
            None | Some("always") => return into.mode = ListeningMode::Always,
            Some("push-to-talk") => return into.mode = ListeningMode::PushToTalk,
            Some(other) => (
                format!("listening.mode cannot be `{other}`"),
                "it is \"always\", \"wake\" or \"push-to-talk\"",
            ),
        };
        self.problems.push(Diagnostic::new(self.source, at, problem).help(help));
    }

    fn voice(&mut self, value: Spanned<DeValue<'_>>, into: &mut VoiceSettings) {
        let Some(written) = self.section::<WrittenVoice>(value) else { return };
        if let Some(pace) = self.factor(written.pace, "voice.pace", PACE) {
            into.pace = pace;
        }
        if let Some(pitch) = self.factor(written.pitch, "voice.pitch", PITCH) {
            into.pitch = pitch;
        }
    }

    fn endpoint(
        &mut self,
        value: Spanned<DeValue<'_>>,
        section: Range<usize>,
        into: &mut EndpointSettings,
    ) {
        let places: Vec<(String, Range<usize>)> = match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect()
            }
            _ => Vec::new(),
        };
        let read = EndpointSettings::deserialize(ValueDeserializer::from(value));
        let (message, at) = match read.map(|endpoint| (endpoint.check(), endpoint)) {
            Ok((Ok(()), endpoint)) => return *into = endpoint,
            Ok((Err(e), _)) => {
                let message = e.to_string();
                // The check names the field; point at it when it was written.
                let named = places.iter().filter_map(|(key, at)| Some((message.find(key)?, at)));
                let at = named.min_by_key(|(found, _)| *found).map(|(_, at)| at.clone());
                (message, at.unwrap_or(section))
            }
            Err(e) => {
                let is_no_time = e.message().ends_with("expected u32");
                let named = places.iter().find(|(_, at)| e.span().as_ref() == Some(at));
                let Some((key, at)) = named.filter(|_| is_no_time) else {
                    return self.report(&e, &section);
                };
                let written = &self.source.text[at.clone()];
                let rule = format!("a whole number of milliseconds from 0 to {}", u32::MAX);
                (format!("endpoint.{key} is {written}; it must be {rule}"), at.clone())
            }
        };
        let help = "change this value, or delete the line for the default";
        self.problems.push(Diagnostic::new(self.source, at, message).help(help));
    }

    fn time_outs(&mut self, value: Spanned<DeValue<'_>>, into: &mut TimeOuts) {
        let Some(written) = self.section::<WrittenTimeOuts>(value) else { return };
        if let Some(s) = self.number(written.answer_s, "time_outs.answer_s", &TIME_OUT_S) {
            into.answer_s = s;
        }
        if let Some(s) = self.number(written.idle_s, "time_outs.idle_s", &TIME_OUT_S) {
            into.idle_s = s;
        }
    }

    fn limits(&mut self, value: Spanned<DeValue<'_>>, into: &mut Limits) {
        let Some(written) = self.section::<WrittenLimits>(value) else { return };
        let number = written.not_understood.map(|n| Spanned::new(n.span(), *n.get_ref() as f64));
        if let Some(n) = self.number(number, "limits.not_understood", &NOT_UNDERSTOOD) {
            into.not_understood = n as u32;
        }
    }

    fn costs(&mut self, value: Spanned<DeValue<'_>>, into: &mut Thresholds) {
        let Some(written) = self.section::<WrittenCosts>(value) else { return };
        let mut costs = Costs::default();
        if let Some(cost) = self.number(written.wrong, "costs.wrong", &COST) {
            costs.wrong = cost;
        }
        if let Some(cost) = self.number(written.question, "costs.question", &COST) {
            costs.question = cost;
        }
        *into = costs.into();
    }

    fn thresholds(&mut self, value: Spanned<DeValue<'_>>, into: &mut Thresholds) {
        let section = value.span();
        let Some(written) = self.section::<WrittenThresholds>(value) else { return };
        if let Some(p) = self.number(written.accept, "thresholds.accept", &PROBABILITY) {
            into.accept = p as f32;
            // Unless it is written, what is asked about stays below what is acted on.
            into.confirm = into.confirm.min(into.accept);
        }
        if let Some(p) = self.number(written.confirm, "thresholds.confirm", &PROBABILITY) {
            into.confirm = p as f32;
        }
        if into.confirm > into.accept {
            let message = format!(
                "thresholds.confirm is {}; it must not be more than thresholds.accept, which is {}",
                into.confirm, into.accept
            );
            let help = "raise accept, or lower confirm";
            self.problems.push(Diagnostic::new(self.source, section, message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nlu::Status;

    fn check(text: &str) -> Result<AgentSettings, Vec<String>> {
        let source = Source::new("agent.toml", text);
        let mut problems = Vec::new();
        let read = read(&source, &mut problems);
        match read {
            Some(written) if problems.is_empty() => Ok(written.settings),
            _ => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn a_name_is_enough() {
        assert_eq!(check("name = \"a\""), Ok(AgentSettings::default()));
    }

    #[test]
    fn everything_can_be_set() {
        let settings = check(
            "name = \"a\"\n[listening]\nmode = \"always\"\nignore_unknown = true\n\
             [voice]\npace = 1.2\npitch = 0.9\n[endpoint]\nhangover_ms = 700\n\
             [time_outs]\nanswer_s = 5\nidle_s = 12.5\n[limits]\nnot_understood = 2\n\
             [thresholds]\naccept = 0.6\nconfirm = 0.3\n",
        )
        .unwrap();
        assert!(settings.listening.ignore_unknown);
        assert_eq!(settings.voice, VoiceSettings { pace: 1.2, pitch: 0.9 });
        assert_eq!(settings.endpoint.hangover_ms, 700);
        assert_eq!(settings.time_outs.idle_ms(), 12_500);
        assert_eq!(settings.limits.not_understood, 2);
        assert_eq!(settings.thresholds.judge(0.5), Status::Confirm);
        assert_eq!(settings.thresholds.judge(0.6), Status::Accepted);
        assert_eq!(settings.thresholds.judge(0.1), Status::Rejected);
    }

    #[test]
    fn an_agent_is_called_or_pressed() {
        let listening = |text: &str| check(text).unwrap().listening;
        let wake = listening(
            "name = \"a\"\n[listening]\nmode = \"wake\"\nphrases = [\"hey you\"]\nfollow_up_s = 5\n",
        );
        assert_eq!(wake.mode, ListeningMode::Wake);
        assert_eq!((wake.phrases, wake.follow_up_s), (vec!["hey you".to_owned()], 5.0));
        let press = listening("name = \"a\"\n[listening]\nmode = \"push-to-talk\"\n");
        assert_eq!(press.mode, ListeningMode::PushToTalk);
    }

    #[test]
    fn each_mistake_says_where_and_what_to_do() {
        for (text, parts) in [
            ("", &["agent.toml:1:1", "no `name`"][..]),
            ("name = \" \"", &["agent.toml:1:8", "name is empty"]),
            ("name = ", &["agent.toml:1:"]),
            ("name = \"a\"\n[voise]\n", &["agent.toml:2:2", "no key `voise`", "`voice`"]),
            ("name = \"a\"\n[voice]\npase = 1\n", &["agent.toml:3:1", "pase", "mean `pace`"]),
            ("name = \"a\"\n[voice]\npace = 9\n", &["agent.toml:3:8", "voice.pace is 9", "0.5"]),
            ("name = \"a\"\n[voice]\npace = \"x\"\n", &["agent.toml:3:8"]),
            ("name = \"a\"\n[listening]\nmode = \"wake\"\n", &["3:8", "names no phrase"]),
            ("name = \"a\"\n[listening]\nphrases = [\"x\"]\n", &["2:", "mode `wake` alone"]),
            (
                "name = \"a\"\n[listening]\nmode = \"wake\"\nphrases = [\"hey you\", \"?\"]\n",
                &["4:23", "listening.phrases: there is no word in `?`", "hey jarvis"],
            ),
            (
                "name = \"a\"\n[listening]\nmode = \"wake\"\nphrases = [\"hey you\", \"Hey, you!\"]\n",
                &["4:23", "listening.phrases names `hey you` twice, here as `Hey, you!`", "delete"],
            ),
            ("name = \"a\"\n[listening]\nwake_bound = 2\n", &["3:14", "from 0 to 1"]),
            ("name = \"a\"\n[listening]\nspot_bound = 2\n", &["3:14", "from 0 to 1"]),
            ("name = \"a\"\n[listening]\nmode = \"alwys\"\n", &["3:8", "cannot be `alwys`"]),
            ("name = \"a\"\n[endpoint]\nhangover_ms = 7\n", &["3:15", "hangover_ms is 7"]),
            (
                "name = \"a\"\n[endpoint]\nhangover_ms = -20\n",
                &["3:15", "endpoint.hangover_ms is -20; it must be a whole number", "default"],
            ),
            ("name = \"a\"\n[endpoint]\npause_ms = 20.5\n", &["3:12", "endpoint.pause_ms is 20.5"]),
            ("name = \"a\"\n[endpoint]\nothers_ms = 20000\n", &["3:13", "more than 10000 ms"]),
            ("name = \"a\"\n[endpoint]\nhangovr_ms = 7\n", &["3:1", "mean `hangover_ms`"]),
            ("name = \"a\"\n[thresholds]\nconfirm = 0.6\n", &["thresholds.confirm is 0.6"]),
            ("name = \"a\"\n[costs]\nwrong = 0\n", &["3:9", "costs.wrong is 0", "0.01 to 100"]),
            ("name = \"a\"\n[thresholds]\n[costs]\n", &["3:2", "both `costs` and `thr", "delete"]),
            ("name = \"a\"\n[limits]\nnot_understood = 0\n", &["3:18", "from 1 to 20"]),
        ] {
            let problems = check(text).expect_err(text);
            assert_eq!(problems.len(), 1, "{problems:#?}");
            for part in parts {
                assert!(problems[0].contains(part), "{text:?}: {part}\n{}", problems[0]);
            }
        }
    }

    #[test]
    fn all_mistakes_are_listed() {
        let problems = check("nam = \"a\"\n[voice]\npace = 9\n[limits]\nx = 1\n").unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:#?}");
    }
}
