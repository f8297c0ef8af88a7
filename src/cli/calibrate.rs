//! `mynah calibrate`: how much what a room sounds like is like the phrases of an agent.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::Serialize;

use super::board::Profile;
use super::eval_wake::{positions, slice, utterances};
use super::{Context, Failure};
use crate::agent::Agent;
use crate::asr::Recognizer;
use crate::audio::capture::Capture;
use crate::audio::devices::DeviceChoice;
use crate::audio::stream::StreamWish;
use crate::audio::{file, sounding};
use crate::cancel::CancelToken;
use crate::hear::SileroModel;
use crate::hear::wake::{Spotter, WakeModel};
use crate::models::ModelStore;
use crate::nlu::{Calling, Sounds, WAKE_BOUND};
use crate::tts::text::Phonemizer;
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, rms_dbfs};

/// Listen to the room for a minute and set how sure an agent must be that it was called
///
/// While it listens the room should be as it is on a busy day, and nobody should say a phrase. Prints
/// how near anything came to one, in both stages, and the lines for agent.toml with which that would
/// not have woken the agent. They are never below what ships.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah calibrate agents/porter                  a minute through the microphone
  mynah calibrate agents/porter --seconds 600    ten, which tell more
  mynah calibrate agents/porter --wav shop.wav   a recording of the room")]
pub struct Args {
    /// Agent folder; its `[listening]` names phrases.
    agent: PathBuf,
    /// How long to listen.
    #[arg(long, value_name = "S", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u16).range(5..=1_800))]
    seconds: u16,
    /// Instead of the microphone a recording of the room: WAV or FLAC.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "mic", "board"])]
    wav: Option<PathBuf>,
    #[command(flatten)]
    profile: Profile,
    /// Microphone: an id or a part of a name from `mynah devices` (default: the board's).
    #[arg(long, value_name = "NAME")]
    mic: Option<DeviceChoice>,
}

/// A shorter recording tells nothing of a room.
const LEAST_S: usize = 5;
/// The odds of a call must be so much higher than those of the nearest thing that the room brought,
/// as a logarithm: e times.
const MARGIN: f32 = 1.0;
/// No bound is above: calls themselves seldom are. What the room brings beyond cannot be told from
/// them.
const MOST_VERIFIED: f32 = 0.95;
const MOST_SPOTTED: f32 = 0.99;

/// What one phrase was taken for at most.
#[derive(Debug, Serialize)]
struct Nearest {
    phrase: String,
    /// By the small network, and how sure that must be as its authors recommend.
    spotted: Option<f32>,
    cutoff: Option<f32>,
    /// By the recogniser, of any utterance.
    verified: f32,
}

#[derive(Debug, Serialize)]
struct Room {
    seconds: f64,
    /// Levels which a tenth and nine tenths of the frames stay below.
    floor_dbfs: f32,
    loud_dbfs: f32,
    utterances: usize,
    phrases: Vec<Nearest>,
    wake_bound: f32,
    /// `None` where what the networks' authors recommend is enough.
    spot_bound: Option<f32>,
    /// Phrases which no bound tells from what was heard.
    alike: Vec<String>,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let agent = Agent::load(&args.agent).map_err(Failure::input)?;
    let listening = &agent.settings.listening;
    if listening.phrases.is_empty() {
        return Err(Failure::Input(anyhow!(
            "{}: `[listening]` names no phrase, so there is nothing to calibrate; write \
             mode = \"wake\" and phrases = [\"…\"]",
            args.agent.join("agent.toml").display()
        )));
    }
    let models = context.models()?;
    let mut ears = Ears::load(&models, &agent)?;
    let sound = sound(args, &listening.phrases)?;
    let room = ears.hear(&sound, &agent)?;
    if context.json {
        super::put(serde_json::to_string(&room).map_err(anyhow::Error::from)?);
    }
    context.say(&room);
    Ok(())
}

fn sound(args: &Args, phrases: &[String]) -> Result<Vec<f32>, Failure> {
    if let Some(path) = &args.wav {
        let sound = file::read(path).map_err(Failure::input)?.to_rate(SAMPLE_RATE_HZ).samples;
        if sound.len() < LEAST_S * SAMPLE_RATE_HZ as usize {
            return Err(Failure::Input(anyhow!(
                "{}: {:.1} s of sound; at least {LEAST_S} s are needed, and a minute tells more",
                path.display(),
                sound.len() as f64 / f64::from(SAMPLE_RATE_HZ)
            )));
        }
        return Ok(sound);
    }
    let board = args.profile.load()?;
    let choice = DeviceChoice::first(args.mic.as_ref(), &board.audio.capture_device);
    let failed = anyhow::Error::from;
    let mut capture = Capture::open(&choice, &StreamWish::default()).map_err(failed)?;
    eprintln!(
        "mynah: listening for {} s; nobody should say `{}`",
        args.seconds,
        phrases.join("` or `")
    );
    let long = Duration::from_secs(args.seconds.into());
    let sound = sounding::listen(&mut capture, long).map_err(failed)?;
    if sound.len() < LEAST_S * SAMPLE_RATE_HZ as usize {
        return Err(Failure::Runtime(anyhow!(
            "the microphone delivered next to nothing in {} s; see `mynah doctor`",
            2 * args.seconds
        )));
    }
    Ok(sound)
}

/// Both stages, each phrase by itself.
struct Ears {
    silero: Arc<SileroModel>,
    recognizer: Recognizer,
    calling: Calling,
    /// One for each phrase, where there is one.
    models: Vec<Option<Arc<WakeModel>>>,
}

impl Ears {
    fn load(models: &ModelStore, agent: &Agent) -> Result<Self, Failure> {
        let voice = Arc::new(Phonemizer::load(models).map_err(Failure::input)?);
        agent.check_phrases(voice.clone()).map_err(Failure::input)?;
        let sounds = Sounds::new(voice, agent.grammar.respelled()).map_err(Failure::input)?;
        let sounds = Arc::new(sounds);
        let known = WakeModel::load_all(models).map_err(Failure::input)?;
        let phrases = &agent.settings.listening.phrases;
        let calling = Calling::new(phrases, sounds).map_err(Failure::input)?;
        let model = |phrase| known.iter().find(|model| model.phrase() == calling.phrase(phrase));
        let spotting = (0..phrases.len()).map(|phrase| model(phrase).cloned()).collect();
        Ok(Self {
            calling,
            models: spotting,
            silero: SileroModel::load(models).map_err(Failure::input)?,
            recognizer: Recognizer::load(models).map_err(Failure::input)?,
        })
    }

    fn hear(&mut self, sound: &[f32], agent: &Agent) -> Result<Room, Failure> {
        let Self { silero, recognizer, calling, models } = self;
        let spans = utterances(silero, agent.settings.endpoint.clone(), sound)?;
        let mut nearest: Vec<Nearest> = (0..)
            .zip(models.iter())
            .map(|(phrase, model)| Nearest {
                phrase: calling.phrase(phrase).to_owned(),
                spotted: model.as_ref().and_then(|model| peak(model, sound)),
                cutoff: model.as_ref().map(|model| model.cutoff()),
                verified: 0.0,
            })
            .collect();
        for span in &spans {
            let (sound, never) = (slice(sound, *span), CancelToken::never());
            let calls = calling
                .survey(recognizer, sound, sound.len(), 0.0, |_| true, &never)
                .map_err(anyhow::Error::from)?;
            for (call, nearest) in calls.iter().zip(&mut nearest) {
                let probability = call.as_ref().map_or(0.0, |call| call.probability);
                nearest.verified = nearest.verified.max(probability);
            }
        }
        Ok(Room::new(sound, spans.len(), nearest))
    }
}

/// How probable a phrase was at most to its network; `None` of less sound than it judges by.
fn peak(model: &Arc<WakeModel>, sound: &[f32]) -> Option<f32> {
    let mut spotter = Spotter::new(vec![Arc::clone(model)]);
    for (at, frame) in positions(sound) {
        spotter.push(at, frame);
    }
    spotter.peaks().next()
}

impl Room {
    fn new(sound: &[f32], utterances: usize, phrases: Vec<Nearest>) -> Self {
        let mut levels: Vec<f32> = positions(sound).map(|(_, frame)| rms_dbfs(frame)).collect();
        levels.sort_by(f32::total_cmp);
        let tenths = |n: usize| levels[(levels.len() - 1) * n / 10];
        let mut room = Self {
            seconds: (levels.len() * FRAME_LEN) as f64 / f64::from(SAMPLE_RATE_HZ),
            floor_dbfs: tenths(1),
            loud_dbfs: tenths(9),
            utterances,
            wake_bound: WAKE_BOUND,
            spot_bound: None,
            alike: Vec::new(),
            phrases,
        };
        for nearest in &room.phrases {
            let verified = beyond(nearest.verified, MOST_VERIFIED);
            room.wake_bound = room.wake_bound.max(verified.unwrap_or(MOST_VERIFIED));
            let spotted = nearest.spotted.zip(nearest.cutoff).map(|(peak, cutoff)| {
                let bound = beyond(peak, MOST_SPOTTED);
                if bound.is_none_or(|bound| bound > cutoff) {
                    let bound = bound.unwrap_or(MOST_SPOTTED);
                    room.spot_bound = Some(room.spot_bound.map_or(bound, |other| other.max(bound)));
                }
                bound
            });
            // One stage that tells them apart is enough, since both must agree.
            if verified.is_none() && spotted.flatten().is_none() {
                room.alike.push(nearest.phrase.clone());
            }
        }
        room
    }
}

/// The bound, in hundredths, that what was as probable as `peak` does not reach by [`MARGIN`]; `None`
/// where `peak` is at `most` or above.
fn beyond(peak: f32, most: f32) -> Option<f32> {
    if peak >= most {
        return None;
    }
    let odds = peak / (1.0 - peak) * MARGIN.exp();
    let bound = odds / (1.0 + odds);
    Some(((bound * 100.0).ceil() / 100.0).min(most))
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.0} s of a room at {:.0} dBFS, nine tenths of the time below {:.0} dBFS; utterances: {}",
            self.seconds, self.floor_dbfs, self.loud_dbfs, self.utterances
        )?;
        for Nearest { phrase, spotted, cutoff, verified } in &self.phrases {
            write!(f, "`{phrase}`: the recogniser was at most {verified:.2} sure of it")?;
            match spotted.zip(*cutoff) {
                Some((peak, cutoff)) => {
                    writeln!(f, ", the small network {peak:.2} (above {cutoff:.2} it is spotted)")?;
                }
                None => writeln!(f, "; no small network knows it")?,
            }
        }
        for phrase in &self.alike {
            writeln!(
                f,
                "`{phrase}`: something here sounds just like it; unless somebody said it, choose \
                 another phrase"
            )?;
        }
        write!(f, "in agent.toml:\n\n[listening]\nwake_bound = {:.2}", self.wake_bound)?;
        if let Some(bound) = self.spot_bound {
            write!(f, "\nspot_bound = {bound:.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(spotted: Option<f32>, verified: f32) -> Room {
        let cutoff = spotted.map(|_| 0.9);
        let nearest = Nearest { phrase: "hey shed".into(), spotted, cutoff, verified };
        let quiet = [1e-3; 50 * FRAME_LEN];
        let loud = [1e-1; 50 * FRAME_LEN];
        Room::new(&[quiet, loud].concat(), 1, vec![nearest])
    }

    #[test]
    fn bounds_lie_above_what_the_room_brought_and_never_below_what_ships() {
        for (spotted, verified, wake_bound, spot_bound) in [
            (None, 0.0, WAKE_BOUND, None),
            (None, 0.2, WAKE_BOUND, None),
            (None, 0.5, 0.74, None),
            (None, 0.9, MOST_VERIFIED, None),
            (Some(0.1), 0.0, WAKE_BOUND, None),
            (Some(0.7), 0.0, WAKE_BOUND, None),
            (Some(0.85), 0.6, 0.81, Some(0.94)),
            (Some(0.995), 0.0, WAKE_BOUND, Some(MOST_SPOTTED)),
        ] {
            let room = room(spotted, verified);
            assert!(room.wake_bound > verified, "{room:?}");
            assert!((room.wake_bound - wake_bound).abs() < 1e-3, "{room:?}");
            assert_eq!(room.spot_bound, spot_bound, "{room:?}");
            assert!(room.alike.is_empty(), "{room:?}");
        }
    }

    #[test]
    fn what_no_bound_tells_from_a_phrase_is_said() {
        for (spotted, verified, is_alike) in
            [(None, 0.97, true), (Some(0.2), 0.97, false), (Some(0.996), 0.97, true)]
        {
            let room = room(spotted, verified);
            assert_eq!(!room.alike.is_empty(), is_alike, "{room:?}");
            assert_eq!(room.to_string().contains("another phrase"), is_alike, "{room}");
        }
    }

    #[test]
    fn levels_and_lines_are_those_for_people() {
        let room = room(Some(0.85), 0.6);
        assert!((room.floor_dbfs + 60.0).abs() < 0.1 && (room.loud_dbfs + 20.0).abs() < 0.1);
        let text = room.to_string();
        let lines = "[listening]\nwake_bound = 0.81\nspot_bound = 0.94";
        assert!(text.starts_with("2 s of a room at -60 dBFS") && text.ends_with(lines), "{text}");
    }
}
