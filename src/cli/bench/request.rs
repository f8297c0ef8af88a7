//! What may be asked of `mynah bench --requests`, one line each.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};

/// One piece of work, measured alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Read, check and prepare the files of a model.
    Load(Model),
    /// Everything a live agent does before it opens the sound devices.
    Start,
    /// Write the sound that lengths stand for into a file.
    Clip { seconds: u32, file: PathBuf },
    /// The detector on every window of a sound.
    Judge(Sound),
    /// Whether it sounds as if the turn were over.
    Done(Sound),
    /// The ear in a quiet room, for so many seconds of sound.
    Quiet { seconds: u32 },
    /// The first stage for every wake phrase that it knows, for so many seconds of sound.
    Spot { seconds: u32 },
    /// The recogniser's encoder.
    Encode(Sound),
    /// [`STEPS`](super::workbench::STEPS) steps of the recogniser's decoder, for so many hypotheses
    /// at a time.
    Decode { rows: usize, sound: Sound },
    /// From sound to words.
    Recognise(Sound),
    /// From sound to words, for some sentences of the agent in our own voice, with or without the
    /// search for them.
    Orders { searching: bool },
    /// From words to meaning.
    Understand(String),
    /// From a text to the sentence encoder's embedding.
    Embed(String),
    /// The agent's intents from its own sentences and misheard copies of them.
    Learn,
    /// From text to sound.
    Say(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Model {
    Detector,
    Recogniser,
    Voice,
}

/// A recording, or so many seconds of our own voice.
#[derive(Clone, Debug, PartialEq)]
pub enum Sound {
    Seconds(u32),
    File(PathBuf),
}

/// Longest sound of our own voice: beyond it, one utterance is no longer what the recogniser is
/// for.
const MAX_SECONDS: u32 = 60;

impl FromStr for Request {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (verb, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        let sound = || -> Result<Sound, anyhow::Error> {
            match rest.strip_suffix('s').and_then(|number| number.parse().ok()) {
                Some(number) => Ok(Sound::Seconds(bounded(number)?)),
                None if rest.is_empty() => {
                    bail!("`{verb}` needs a recording, or a length as in 3s")
                }
                None => Ok(Sound::File(rest.into())),
            }
        };
        let text = || match rest {
            "" => Err(anyhow!("`{verb}` needs a text")),
            text => Ok(text.to_owned()),
        };
        Ok(match verb {
            "load" => Self::Load(match rest {
                "detector" => Model::Detector,
                "recogniser" => Model::Recogniser,
                "voice" => Model::Voice,
                _ => bail!("`load` takes detector, recogniser or voice, not `{rest}`"),
            }),
            "start" => Self::Start,
            "clip" => {
                let (seconds, file) = rest
                    .split_once(' ')
                    .context("`clip` needs a length and a file: clip 3s a.wav")?;
                Self::Clip { seconds: seconds_of(seconds)?, file: file.trim().into() }
            }
            "judge" => Self::Judge(sound()?),
            "done" => Self::Done(sound()?),
            "quiet" => Self::Quiet { seconds: seconds_of(rest)? },
            "spot" => Self::Spot { seconds: seconds_of(rest)? },
            "encode" => Self::Encode(sound()?),
            "decode" => Self::Decode { rows: 1, sound: sound()? },
            "decode6" => Self::Decode { rows: 6, sound: sound()? },
            "recognise" => Self::Recognise(sound()?),
            "orders" => Self::Orders { searching: false },
            "search" => Self::Orders { searching: true },
            "understand" => Self::Understand(text()?),
            "embed" => Self::Embed(text()?),
            "learn" => Self::Learn,
            "say" => Self::Say(text()?),
            _ => bail!(
                "`{verb}` is no request; they are load, start, clip, judge, done, quiet, spot, encode, decode, \
                 decode6, recognise, orders, search, understand, embed, learn and say"
            ),
        })
    }
}

fn seconds_of(text: &str) -> Result<u32, anyhow::Error> {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    bounded(number.with_context(|| format!("`{text}` is no length; whole seconds look like 3s"))?)
}

fn bounded(seconds: u32) -> Result<u32, anyhow::Error> {
    if (1..=MAX_SECONDS).contains(&seconds) {
        return Ok(seconds);
    }
    bail!("a length is {seconds} s; it must lie between 1 and {MAX_SECONDS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let read = |line: &str| line.parse::<Request>().unwrap();
        let file = || Sound::File("my sounds/a.wav".into());
        for (line, request) in [
            ("load voice", Request::Load(Model::Voice)),
            (" start\r", Request::Start),
            ("clip 3s out put.wav", Request::Clip { seconds: 3, file: "out put.wav".into() }),
            ("judge 10s", Request::Judge(Sound::Seconds(10))),
            ("done 3s", Request::Done(Sound::Seconds(3))),
            ("quiet 60s", Request::Quiet { seconds: 60 }),
            ("encode my sounds/a.wav", Request::Encode(file())),
            ("decode 1s", Request::Decode { rows: 1, sound: Sound::Seconds(1) }),
            ("decode6 1s", Request::Decode { rows: 6, sound: Sound::Seconds(1) }),
            ("recognise my sounds/a.wav", Request::Recognise(file())),
            ("understand  a large latte ", Request::Understand("a large latte".into())),
            ("embed the bill", Request::Embed("the bill".into())),
            ("learn", Request::Learn),
            ("search", Request::Orders { searching: true }),
            ("say 3s", Request::Say("3s".into())),
        ] {
            assert_eq!(read(line), request, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("", "`` is no request"),
            ("sing", "`sing` is no request"),
            ("load", "not ``"),
            ("encode", "needs a recording"),
            ("encode 0s", "a length is 0 s; it must lie between 1 and 60"),
            ("quiet 5", "`5` is no length"),
            ("clip 3s", "clip 3s a.wav"),
            ("say ", "`say` needs a text"),
        ] {
            let error = line.parse::<Request>().unwrap_err().to_string();
            assert!(error.contains(named), "{line:?}: {error}");
        }
    }
}
