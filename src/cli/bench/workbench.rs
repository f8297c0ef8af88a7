//! Does one piece of work at a time and says what it took.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::orders::Orders;
use super::request::{Model, Request, Sound};
use crate::agent::Agent;
use crate::agent::training::train;
use crate::asr::{Branch, Cross, Decoder, Encoder, Meta, Recognizer};
use crate::audio::file::{self, Clip};
use crate::cancel::CancelToken;
use crate::draw::Draw;
use crate::hear::endpoint::sound_odds;
use crate::hear::silero::SileroStream;
use crate::hear::wake::{Spotter, WakeModel};
use crate::hear::{Ear, SileroModel, SmartTurn};
use crate::models::ModelStore;
use crate::nlu::classify::{ClassifyError, Embedding, SentenceEncoder};
use crate::nn::Team;
use crate::nn::kernels::Kernel;
use crate::observe::process;
use crate::runtime::Engines;
use crate::tts::text::Phonemizer;
use crate::tts::{Style, VOICE_RATE_HZ, Voice};
use crate::units::{FRAME_LEN, Frame, SAMPLE_RATE_HZ, SamplePos};

/// Decoder steps in one measurement, about as many as a sentence has tokens.
pub const STEPS: usize = 20;

/// What our own voice says for the recogniser to hear, again and again, as much as fits into the
/// length asked for. Short sentences, so that little silence is left and no word is cut: half a
/// word sounds like another word to every recogniser, and then they do not do the same work.
const SPEECH: &str = "Good morning. I would like a coffee. A large one, please. With oat milk. And \
                      two slices of cake. That is all for now. How long will it take?";

/// Loudness of a quiet room, as the largest sample: 60 dB below full scale.
const QUIET: f32 = 0.001;

/// What lies below this, 60 dB under full scale, is the pause after a clause.
const PAUSE: f32 = 0.001;

/// What a piece of work took. Fields that say nothing about it are left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Answer {
    /// Of all threads.
    pub cpu_ms: f64,
    pub wall_ms: f64,
    /// From the text to the first sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_audio_ms: Option<f64>,
    /// Length of the sound that was heard or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Windows judged, steps decoded, tokens heard or read, texts learned from: what the time is
    /// divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// The words heard or the intent understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the networks run on, told when they are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Resident before a model was loaded. 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_mb: Option<f64>,
    /// When the work was done. 10⁶ bytes; 0 where there is no `/proc`.
    pub resident_mb: f64,
    pub peak_mb: f64,
}

/// The engines, each loaded when it is first needed, so that a process that is only asked to
/// recognise holds only a recogniser.
pub struct Workbench {
    models: ModelStore,
    agent_folder: PathBuf,
    encoder_threads: u32,
    detector: Option<Arc<SileroModel>>,
    smart_turn: Option<SmartTurn>,
    recognizer: Option<Recognizer>,
    parts: Option<Parts>,
    voice: Option<Voice>,
    sentences: Option<SentenceEncoder>,
    agent: Option<Agent>,
    orders: Option<Orders>,
    /// The clauses of [`SPEECH`], at 16 kHz.
    speech: Vec<Vec<f32>>,
    /// What was read or made before, by name.
    sounds: BTreeMap<String, Arc<Vec<f32>>>,
}

/// The recogniser's two networks, each alone.
struct Parts {
    encoder: Encoder,
    decoder: Decoder,
}

/// Time since the start, on both clocks.
struct Watch {
    cpu: std::time::Duration,
    wall: Instant,
}

impl Watch {
    fn start() -> Self {
        Self { cpu: process::cpu_time(), wall: Instant::now() }
    }

    fn stop(&self) -> Answer {
        let (cpu, wall) = (process::cpu_time() - self.cpu, self.wall.elapsed());
        Answer { cpu_ms: ms(cpu), wall_ms: ms(wall), ..Answer::default() }
    }
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn timed<T>(work: impl FnOnce() -> Result<T, anyhow::Error>) -> Result<(T, Answer), anyhow::Error> {
    let watch = Watch::start();
    let done = work()?;
    Ok((black_box(done), watch.stop()))
}

/// Notes what memory was resident before the work, and which kernel does it.
fn loading(work: impl FnOnce() -> Result<Answer, anyhow::Error>) -> Result<Answer, anyhow::Error> {
    let before_mb = process::resident_mb();
    let kernel = Kernel::current()?.name().to_owned();
    Ok(Answer { before_mb, kernel: Some(kernel), ..work()? })
}

impl Workbench {
    pub fn new(models: ModelStore, agent_folder: PathBuf, encoder_threads: u32) -> Self {
        Self {
            models,
            agent_folder,
            encoder_threads,
            detector: None,
            smart_turn: None,
            recognizer: None,
            parts: None,
            voice: None,
            sentences: None,
            agent: None,
            orders: None,
            speech: Vec::new(),
            sounds: BTreeMap::new(),
        }
    }

    /// Does the work. What it needs and is not there yet is loaded before the clock starts.
    pub fn answer(&mut self, request: &Request) -> Result<Answer, anyhow::Error> {
        let answer = match request {
            Request::Load(model) => loading(|| self.load(*model))?,
            Request::Start => loading(|| self.start())?,
            Request::Clip { seconds, file } => {
                let sound = self.speech(*seconds)?;
                timed(|| Ok(file::write_wav(file, SAMPLE_RATE_HZ, &sound)?))?.1
            }
            Request::Judge(sound) => self.judge(sound)?,
            Request::Done(sound) => self.done(sound)?,
            Request::Quiet { seconds } => self.quiet(*seconds)?,
            Request::Spot { seconds } => self.spot(*seconds)?,
            Request::Encode(sound) => {
                let sound = self.sound(sound)?;
                encode(&mut self.parts()?.encoder, &sound)?.1
            }
            Request::Decode { rows, sound } => {
                let sound = self.sound(sound)?;
                let parts = self.parts()?;
                let cross = encode(&mut parts.encoder, &sound)?.0;
                decode(&mut parts.decoder, &cross, *rows)?
            }
            Request::Recognise(sound) => self.recognise(sound)?,
            Request::Orders { searching } => self.orders(*searching)?,
            Request::Understand(text) => self.understand(text)?,
            Request::Embed(text) => self.embed(text)?,
            Request::Learn => self.learn()?,
            Request::Say(text) => say(self.voice()?, text)?,
        };
        let resident_mb = process::resident_mb().unwrap_or_default();
        let peak_mb = process::peak_mb().unwrap_or_default();
        Ok(Answer { resident_mb, peak_mb, ..answer })
    }

    fn load(&mut self, model: Model) -> Result<Answer, anyhow::Error> {
        let models = &self.models;
        Ok(match model {
            Model::Detector => {
                let (detector, answer) = timed(|| Ok(SileroModel::load(models)?))?;
                self.detector = Some(detector);
                answer
            }
            Model::Recogniser => {
                let team = Team::of(self.encoder_threads)?;
                let (recognizer, answer) = timed(|| Ok(Recognizer::with_team(models, team)?))?;
                self.recognizer = Some(recognizer);
                answer
            }
            Model::Voice => {
                let (voice, answer) = timed(|| Ok(Voice::load(models)?))?;
                self.voice = Some(voice);
                answer
            }
        })
    }

    fn start(&mut self) -> Result<Answer, anyhow::Error> {
        let ((agent, engines), answer) = timed(|| {
            let agent = Agent::load(&self.agent_folder)?;
            let mut engines = Engines::load(&self.models, self.encoder_threads)?;
            engines.warm_up()?;
            Ok((agent, engines))
        })?;
        let Engines { silero, smart_turn, recognizer, voice, .. } = engines;
        self.detector = Some(silero);
        self.smart_turn = Some(smart_turn);
        self.recognizer = Some(recognizer);
        self.voice = Some(voice);
        self.agent = Some(agent);
        Ok(answer)
    }

    fn judge(&mut self, sound: &Sound) -> Result<Answer, anyhow::Error> {
        let sound = self.sound(sound)?;
        let mut stream = SileroStream::new(self.detector()?)?;
        let (count, answer) = timed(|| Ok(judge(&mut stream, &sound)))?;
        Ok(Answer { count: Some(count), ..answer })
    }

    fn done(&mut self, sound: &Sound) -> Result<Answer, anyhow::Error> {
        let sound = self.sound(sound)?;
        if self.smart_turn.is_none() {
            self.smart_turn = Some(SmartTurn::load(&self.models)?);
        }
        let network = self.smart_turn.as_mut().context("it was just loaded")?;
        let (summary, answer) = timed(|| Ok(network.summarise(&sound)))?;
        let seconds = Some(seconds(sound.len(), SAMPLE_RATE_HZ));
        Ok(Answer { text: Some(format!("{:.2}", sound_odds(&summary))), seconds, ..answer })
    }

    fn quiet(&mut self, seconds: u32) -> Result<Answer, anyhow::Error> {
        let agent = self.agent()?;
        let settings = agent.settings.endpoint.clone();
        let mut ear = Ear::new(self.detector()?, settings)?;
        let frames = hiss(seconds);
        let ((), answer) = timed(|| {
            for (i, frame) in frames.iter().enumerate() {
                black_box(ear.push(SamplePos((i * FRAME_LEN) as u64), frame, None));
            }
            Ok(())
        })?;
        Ok(Answer { seconds: Some(f64::from(seconds)), ..answer })
    }

    fn spot(&mut self, seconds: u32) -> Result<Answer, anyhow::Error> {
        let models = WakeModel::load_all(&self.models)?;
        let count = models.len();
        let mut spotter = Spotter::new(models);
        let frames = hiss(seconds);
        let ((), answer) = timed(|| {
            for (i, frame) in frames.iter().enumerate() {
                black_box(spotter.push(SamplePos((i * FRAME_LEN) as u64), frame));
            }
            Ok(())
        })?;
        Ok(Answer { count: Some(count), seconds: Some(f64::from(seconds)), ..answer })
    }

    fn recognise(&mut self, sound: &Sound) -> Result<Answer, anyhow::Error> {
        let sound = self.sound(sound)?;
        let recognizer = self.recognizer()?;
        let (heard, answer) = timed(|| Ok(recognizer.recognize(&sound, &CancelToken::never())?))?;
        let (count, text) = (Some(heard.best.tokens.len()), Some(heard.best.text));
        Ok(Answer { count, text, seconds: Some(seconds(sound.len(), SAMPLE_RATE_HZ)), ..answer })
    }

    fn orders(&mut self, searching: bool) -> Result<Answer, anyhow::Error> {
        let mut orders = match self.orders.take() {
            Some(orders) => orders,
            None => Orders::speak(Agent::load(&self.agent_folder)?, self.voice()?)?,
        };
        let recognizer = self.recognizer()?;
        let ((), answer) = timed(|| orders.hear(recognizer, searching))?;
        let count = Some(orders.len());
        self.orders = Some(orders);
        Ok(Answer { count, ..answer })
    }

    fn understand(&mut self, text: &str) -> Result<Answer, anyhow::Error> {
        let agent = self.agent()?;
        let (intent, answer) = timed(|| Ok(understand(agent, text)))?;
        Ok(Answer { text: Some(intent.unwrap_or_default()), ..answer })
    }

    fn embed(&mut self, text: &str) -> Result<Answer, anyhow::Error> {
        let encoder = self.sentences()?;
        let count = encoder.tokens(text).len();
        let (_, answer) = timed(|| Ok(embed(encoder, text)?))?;
        Ok(Answer { count: Some(count), ..answer })
    }

    /// As `mynah train` does, once the agent can pronounce its words.
    fn learn(&mut self) -> Result<Answer, anyhow::Error> {
        let mut agent = Agent::load(&self.agent_folder)?;
        agent.pronounce_with(Arc::new(Phonemizer::load(&self.models)?))?;
        let team = Team::of(self.encoder_threads)?;
        let encoder = self.sentences()?;
        let (trained, answer) = timed(|| Ok(train(&agent, Some(encoder), &team)?))?;
        Ok(Answer { count: Some(trained.texts), ..answer })
    }

    fn sentences(&mut self) -> Result<&mut SentenceEncoder, anyhow::Error> {
        match &mut self.sentences {
            Some(encoder) => Ok(encoder),
            none => Ok(none.insert(SentenceEncoder::load(&self.models)?)),
        }
    }

    fn recognizer(&mut self) -> Result<&mut Recognizer, anyhow::Error> {
        match &mut self.recognizer {
            Some(recognizer) => Ok(recognizer),
            none => {
                let team = Team::of(self.encoder_threads)?;
                Ok(none.insert(Recognizer::with_team(&self.models, team)?))
            }
        }
    }

    fn detector(&mut self) -> Result<Arc<SileroModel>, anyhow::Error> {
        if let Some(detector) = &self.detector {
            return Ok(Arc::clone(detector));
        }
        let detector = SileroModel::load(&self.models)?;
        Ok(Arc::clone(self.detector.insert(detector)))
    }

    fn parts(&mut self) -> Result<&mut Parts, anyhow::Error> {
        match &mut self.parts {
            Some(parts) => Ok(parts),
            none => {
                let meta = Meta::load(&self.models)?;
                let encoder = Encoder::load(&self.models, &meta, Team::of(self.encoder_threads)?)?;
                let decoder = Decoder::load(&self.models, &meta)?;
                Ok(none.insert(Parts { encoder, decoder }))
            }
        }
    }

    fn voice(&mut self) -> Result<&mut Voice, anyhow::Error> {
        match &mut self.voice {
            Some(voice) => Ok(voice),
            none => Ok(none.insert(Voice::load(&self.models)?)),
        }
    }

    fn agent(&mut self) -> Result<&Agent, anyhow::Error> {
        match &mut self.agent {
            Some(agent) => Ok(agent),
            none => Ok(none.insert(Agent::load(&self.agent_folder)?)),
        }
    }

    fn sound(&mut self, sound: &Sound) -> Result<Arc<Vec<f32>>, anyhow::Error> {
        let path = match sound {
            Sound::Seconds(seconds) => return self.speech(*seconds),
            Sound::File(path) => path,
        };
        let name = path.display().to_string();
        if let Some(samples) = self.sounds.get(&name) {
            return Ok(Arc::clone(samples));
        }
        let samples = Arc::new(file::read(path)?.to_rate(SAMPLE_RATE_HZ).samples);
        self.sounds.insert(name, Arc::clone(&samples));
        Ok(samples)
    }

    /// So many seconds of our own voice, at 16 kHz.
    fn speech(&mut self, seconds: u32) -> Result<Arc<Vec<f32>>, anyhow::Error> {
        let name = format!("{seconds}s");
        if let Some(samples) = self.sounds.get(&name) {
            return Ok(Arc::clone(samples));
        }
        if self.speech.is_empty() {
            let voice = self.voice()?;
            let mut speech = Vec::new();
            for clause in voice.clauses(SPEECH)? {
                let samples =
                    voice.synthesize(&clause, &Style::default(), &CancelToken::never())?;
                let clip = Clip { rate_hz: VOICE_RATE_HZ, samples };
                speech.push(clip.to_rate(SAMPLE_RATE_HZ).samples);
            }
            self.speech = speech;
        }
        let samples = as_much_as_fits(&self.speech, (seconds * SAMPLE_RATE_HZ) as usize);
        let samples = Arc::new(samples);
        self.sounds.insert(name, Arc::clone(&samples));
        Ok(samples)
    }
}

// Each stage is a function that stays one in the program: `benches/instructions.py` counts what
// runs inside it, by its name.

#[inline(never)]
fn judge(stream: &mut SileroStream, sound: &[f32]) -> usize {
    let mut windows = 0;
    stream.push(sound, |_| windows += 1);
    windows
}

#[inline(never)]
fn encode(encoder: &mut Encoder, sound: &[f32]) -> Result<(Cross, Answer), anyhow::Error> {
    timed(|| Ok(encoder.encode(sound)?))
}

/// Steps with tokens of no meaning: what they cost depends on how many there are.
#[inline(never)]
fn decode(decoder: &mut Decoder, cross: &Cross, rows: usize) -> Result<Answer, anyhow::Error> {
    let mut cache = decoder.cache(cross, STEPS * rows);
    let mut branches = vec![Branch { token: 0, parent: None }; rows];
    let ((), answer) = timed(|| {
        for token in (500..).take(STEPS) {
            branches.iter_mut().for_each(|branch| branch.token = token);
            let logits = black_box(decoder.step(&mut cache, &branches)?);
            for (row, branch) in branches.iter_mut().enumerate() {
                branch.parent = Some(logits.node(row));
            }
        }
        Ok(())
    })?;
    Ok(Answer { count: Some(STEPS), ..answer })
}

#[inline(never)]
fn understand(agent: &Agent, text: &str) -> Option<String> {
    agent.grammar.interpret(text).intent
}

#[inline(never)]
fn embed(encoder: &mut SentenceEncoder, text: &str) -> Result<Embedding, ClassifyError> {
    encoder.encode(text)
}

#[inline(never)]
fn say(voice: &mut Voice, text: &str) -> Result<Answer, anyhow::Error> {
    let watch = Watch::start();
    let mut first_audio_ms = None;
    let mut samples = 0;
    for clause in voice.clauses(text)? {
        voice.speak(&clause, &Style::default(), &CancelToken::never(), |piece| {
            first_audio_ms.get_or_insert_with(|| ms(watch.wall.elapsed()));
            samples += black_box(piece).len();
        })?;
    }
    let answer = watch.stop();
    first_audio_ms.with_context(|| format!("`{text}` holds nothing to say"))?;
    let seconds = seconds(samples, VOICE_RATE_HZ);
    Ok(Answer { first_audio_ms, seconds: Some(seconds), ..answer })
}

fn seconds(samples: usize, rate_hz: u32) -> f64 {
    samples as f64 / f64::from(rate_hz)
}

/// Whole clauses, from the first on and round again, then silence.
fn as_much_as_fits(clauses: &[Vec<f32>], length: usize) -> Vec<f32> {
    let mut samples = Vec::with_capacity(length);
    for clause in clauses.iter().cycle() {
        let pause = clause.iter().rev().take_while(|sample| sample.abs() < PAUSE).count();
        if clause.is_empty() || samples.len() + clause.len() - pause > length {
            break;
        }
        samples.extend_from_slice(clause);
    }
    samples.resize(length, 0.0);
    samples
}

/// A quiet room: faint white noise, the same every time.
fn hiss(seconds: u32) -> Vec<Frame> {
    let mut draw = Draw::new(1);
    let mut sample = || draw.between(-QUIET, QUIET);
    let frames = (seconds * SAMPLE_RATE_HZ) as usize / FRAME_LEN;
    (0..frames).map(|_| std::array::from_fn(|_| sample())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(not(have_models), ignore = "needs models: run `make models`")]
    fn every_request_is_answered() {
        let agent = concat!(env!("CARGO_MANIFEST_DIR"), "/agents/coffee");
        let mut bench = Workbench::new(ModelStore::open(None).unwrap(), agent.into(), 2);
        let mut ask = |line: &str| bench.answer(&line.parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let wav = folder.path().join("speech.wav").display().to_string();
        assert!(ask("load detector").cpu_ms > 0.0);
        ask(&format!("clip 2s {wav}"));
        assert_eq!(ask(&format!("judge {wav}")).count, Some(2 * 16_000 / 512));
        assert_eq!(ask("decode 1s").count, Some(STEPS));
        assert!(ask("encode 1s").wall_ms > 0.0);
        let heard = ask(&format!("recognise {wav}"));
        assert_eq!(heard.seconds, Some(2.0));
        assert!(heard.text.unwrap().to_lowercase().contains("good morning"));
        assert_eq!(ask("orders").count, Some(12));
        assert_eq!(ask("search").count, Some(12));
        assert_eq!(ask("understand a large latte please").text.unwrap(), "orderDrink");
        assert_eq!(ask("embed a large latte please").count.unwrap(), 7);
        let learned = ask("learn");
        assert!(learned.count.unwrap() > 100 && learned.cpu_ms > 0.0, "{learned:?}");
        let said = ask("say Your table is ready.");
        assert!(said.seconds.unwrap() > 0.5);
        assert!(said.first_audio_ms.unwrap() <= said.wall_ms);
        assert_eq!(ask("quiet 2s").seconds, Some(2.0));
        assert!(said.resident_mb > 1.0 && said.peak_mb >= said.resident_mb * 0.5);
    }

    #[test]
    fn no_clause_is_cut_and_a_pause_may_be() {
        let clauses = [vec![0.5, 0.5, 0.0, 0.0], vec![0.25, 0.25, 0.25, 0.0]];
        for (length, expected) in [
            (1, &[0.0][..]),
            (2, &[0.5, 0.5]),
            (5, &[0.5, 0.5, 0.0, 0.0, 0.0]),
            (7, &[0.5, 0.5, 0.0, 0.0, 0.25, 0.25, 0.25]),
            (10, &[0.5, 0.5, 0.0, 0.0, 0.25, 0.25, 0.25, 0.0, 0.5, 0.5]),
        ] {
            assert_eq!(as_much_as_fits(&clauses, length), expected, "{length}");
        }
        assert_eq!(as_much_as_fits(&[], 2), [0.0, 0.0]);
    }

    #[test]
    fn a_quiet_room_is_quiet_and_has_its_length() {
        let frames = hiss(2);
        assert_eq!(frames.len() * FRAME_LEN, 32_000);
        let peak = frames.as_flattened().iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!((0.5 * QUIET..=QUIET).contains(&peak), "{peak}");
    }
}
