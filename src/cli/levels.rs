use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::board::Pair;
use super::{Context, Failure};
use crate::audio::capture::Capture;
use crate::audio::devices::{self, DeviceChoice, Direction};
use crate::audio::levels::calibrate::{self, Heard, Turned, Wish};
use crate::audio::levels::{self, Level, LevelError};
use crate::audio::playback::Playback;
use crate::audio::sounding;
use crate::audio::stream::StreamWish;
use crate::units::{SAMPLE_RATE_HZ, rms_dbfs};

/// How loud our own voice is before the speaker turns it up or down, in dB relative to full scale.
const VOICE_DBFS: f32 = -24.0;
const VOICE_S: f64 = 1.0;
/// What is heard before each sound, and from its start on, until it must have come back.
const ROOM: Duration = Duration::from_millis(500);
const BACK: Duration = Duration::from_millis(2_000);
/// How alike what was played and what was heard must be; in noise as loud as the voice it is 0.7.
const ALIKE: f32 = 0.1;
/// At and above this a sample is at the converter's end.
const FULL: f32 = 0.999;

/// See and set how loud the microphone records and the speaker plays
///
/// Without options it shows how both stand. Percentages are those of `amixer`: linear in what the
/// control counts. What is set is read back; a control that did not move is an error. To have a level
/// set at every start, write it into the board profile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mynah levels                             how both stand
  mynah levels --capture 70 --playback 60  set both, switch them on, and make sure
  mynah levels --calibrate                 find levels at which our own voice comes back like speech,
                                           and print the lines for the board profile")]
pub struct Args {
    /// Turn the microphone up or down, and switch it on.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    capture: Option<u8>,
    /// Turn the speaker up or down, and un-mute it.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    playback: Option<u8>,
    /// Play a tone at different levels and listen for it: half a minute at most. Nobody should talk.
    #[arg(long, conflicts_with_all = ["capture", "playback"])]
    calibrate: bool,
    #[command(flatten)]
    devices: Pair,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    direction: &'static str,
    device: &'a str,
    #[serde(flatten)]
    level: &'a Level,
}

pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let board = args.devices.profile.load()?;
    let choice = |direction| args.devices.choice(direction, &board);
    if args.calibrate {
        return find_levels(&choice(Direction::Record), &choice(Direction::Play), context);
    }
    let mut failed = Vec::new();
    for (direction, percent) in
        [(Direction::Record, args.capture), (Direction::Play, args.playback)]
    {
        let id = match devices::id(&choice(direction), direction) {
            Ok(id) => id,
            Err(error) => {
                failed.push(anyhow::Error::from(error));
                continue;
            }
        };
        let level = match percent {
            Some(percent) => levels::set(direction, &id, percent),
            None => levels::read(direction, &id),
        };
        match level {
            Ok(level) => show(direction, &id, &level, context)?,
            Err(error) => failed.push(error.into()),
        }
    }
    // One of two is an answer, unless the other was to be set.
    let asked = args.capture.is_some() || args.playback.is_some();
    for error in &failed {
        eprintln!("mynah: {}", super::told_once(error));
    }
    match failed.len() {
        2 => Err(Failure::Runtime(anyhow!("neither level is known; see above"))),
        1 if asked => {
            Err(Failure::Runtime(anyhow!("a level is not what was asked for; see above")))
        }
        _ => Ok(()),
    }
}

fn show(
    direction: Direction,
    device: &str,
    level: &Level,
    context: &Context,
) -> Result<(), Failure> {
    if context.json {
        let line = Line { direction: direction.device(), device, level };
        super::put(serde_json::to_string(&line).map_err(anyhow::Error::from)?);
        return Ok(());
    }
    let name = direction.device();
    super::put(format!("{name:10} {device}: {}  (mixer {})", level.control, level.mixer));
    for other in &level.others {
        super::put(format!("{:10} beside it {other}", ""));
    }
    Ok(())
}

/// A microphone and a speaker whose levels are tried out.
struct Trial {
    capture: Capture,
    playback: Playback,
    voice: Vec<f32>,
}

impl Trial {
    fn hear(&mut self, at: Turned) -> Result<Heard, anyhow::Error> {
        for (direction, percent) in
            [(Direction::Record, at.capture), (Direction::Play, at.playback)]
        {
            levels::apply(direction, self.device(direction), percent)?;
        }
        // What was on its way was recorded at the old level.
        sounding::listen(&mut self.capture, ROOM)?;
        let room = sounding::listen(&mut self.capture, ROOM)?;
        sounding::play(&mut self.playback, &self.voice).context("the speaker was silenced")?;
        let heard = sounding::listen(&mut self.capture, BACK)?;
        self.playback.check()?;
        let found = sounding::find(&self.voice, &heard);
        let from = (found.at as usize).min(heard.len());
        let ours = &heard[from..(from + self.voice.len()).min(heard.len())];
        let power = |sound: &[f32]| 10f32.powf(rms_dbfs(sound) / 10.0);
        let alone = (power(ours) - power(&room)).max(1e-10);
        Ok(Heard {
            voice_dbfs: (found.alike >= ALIKE).then(|| 10.0 * alone.log10()),
            room_dbfs: rms_dbfs(&room),
            clipped: ours.iter().any(|x| x.abs() >= FULL),
        })
    }

    fn device(&self, direction: Direction) -> &str {
        match direction {
            Direction::Record => self.capture.device(),
            Direction::Play => self.playback.device(),
        }
    }
}

fn find_levels(
    microphone: &DeviceChoice,
    speaker: &DeviceChoice,
    context: &Context,
) -> Result<(), Failure> {
    let open = || -> Result<Trial, anyhow::Error> {
        let wish = StreamWish::default();
        let capture = Capture::open(microphone, &wish)?;
        let playback = Playback::open(speaker, &wish)?;
        let sweep = sounding::sweep(SAMPLE_RATE_HZ, VOICE_S);
        let gain = 10f32.powf((VOICE_DBFS - rms_dbfs(&sweep)) / 20.0);
        Ok(Trial { capture, playback, voice: sweep.iter().map(|x| gain * x).collect() })
    };
    let mut trial = open()?;
    let read = |direction, device: &str| match levels::read(direction, device) {
        Ok(level) => Ok(level.control.percent),
        // There are cards with a knob and no control: the other direction has to do.
        Err(error @ (LevelError::NoMixer { .. } | LevelError::NoControl { .. })) => {
            eprintln!("mynah: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    };
    let before = Turned {
        capture: read(Direction::Record, trial.capture.device()).map_err(anyhow::Error::from)?,
        playback: read(Direction::Play, trial.playback.device()).map_err(anyhow::Error::from)?,
    };
    if before == (Turned { capture: None, playback: None }) {
        return Err(Failure::Runtime(anyhow!("there is no control to turn")));
    }
    let found = calibrate::calibrate(before, |at| {
        let heard = trial.hear(at)?;
        context.say(line(at, heard));
        Ok::<_, anyhow::Error>(heard)
    });
    let failure = match found {
        Ok((at, heard)) if heard.voice_dbfs.is_some() && !heard.clipped => {
            return recommend(at, heard, context);
        }
        Ok((_, heard)) if heard.clipped => anyhow!(
            "our voice is cut off in the microphone at every level: move the two apart; the levels \
             are as they were"
        ),
        Ok(_) => anyhow!(
            "the microphone does not hear the speaker at any level: is it the right one, and no \
             headset? See `mynah doctor`; the levels are as they were"
        ),
        Err(error) => error,
    };
    for (direction, percent) in
        [(Direction::Record, before.capture), (Direction::Play, before.playback)]
    {
        levels::apply(direction, trial.device(direction), percent).map_err(anyhow::Error::from)?;
    }
    Err(Failure::Runtime(failure))
}

fn line(at: Turned, heard: Heard) -> String {
    let percent = |knob: Option<u8>| knob.map_or("–".into(), |percent| format!("{percent} %"));
    let voice = match heard.voice_dbfs {
        Some(level) => format!("our voice at {level:.0} dBFS"),
        None => "our voice is not heard".into(),
    };
    let clipped = if heard.clipped { ", cut off" } else { "" };
    format!(
        "microphone {:>5}, speaker {:>5}: {voice}{clipped}, the room at {:.0} dBFS",
        percent(at.capture),
        percent(at.playback),
        heard.room_dbfs
    )
}

fn recommend(at: Turned, heard: Heard, context: &Context) -> Result<(), Failure> {
    if heard.wish() != Wish::Right {
        context.say(format!(
            "that is as near to the {:.0} dBFS of speech as the two controls reach",
            calibrate::SPEECH_DBFS
        ));
    }
    context.say("these levels are set; to have them set at every start, in the board profile:");
    context.say("\n[audio]");
    for (key, percent) in [("capture_level", at.capture), ("playback_level", at.playback)] {
        if let Some(percent) = percent {
            context.say(format!("{key} = {percent}"));
        }
    }
    if context.json {
        let found = serde_json::json!({
            "capture_level": at.capture,
            "playback_level": at.playback,
            "voice_dbfs": heard.voice_dbfs,
            "room_dbfs": heard.room_dbfs,
        });
        super::put(found);
    }
    Ok(())
}
