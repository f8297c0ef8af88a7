//! A device that comes back: opened, watched, given up when it is lost, opened again.
//!
//! The same device is waited for first, since that one was chosen and it is most often a cable that
//! was touched; when it stays away, the ranked list decides, and a better device than the one in
//! use is taken back when it returns. Opening may hang with a sound server that hangs, so it
//! happens on a thread of its own and nobody waits for it.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::back_off::BackOff;
use super::tally::Tally;
use crate::audio::aside;
use crate::audio::capture::Capture;
use crate::audio::devices::{DeviceChoice, DeviceError, Direction};
use crate::audio::levels::{self, LevelError};
use crate::audio::playback::Playback;
use crate::audio::stream::{Format, StreamWish};
use crate::observe::{DeviceCounters, DeviceState};

/// So long only the device that was lost is tried.
const SAME_FOR: Duration = Duration::from_secs(5);
/// How often a better device than the one in use is looked for.
const BETTER_EVERY: Duration = Duration::from_secs(30);
/// An attempt that takes longer hangs for good: another one is made beside it, which is given twice
/// as long. Each costs a thread, so there are some hundred in a year at most.
const HANGS_AFTER: Duration = Duration::from_secs(60);
const HANGS_AFTER_MOST: Duration = Duration::from_secs(24 * 3600);

/// How often a device that was just opened is asked whether it has begun.
const LOOK_AT_START: Duration = Duration::from_millis(10);

/// What is supervised.
pub trait Device: Sized + Send + 'static {
    const DIRECTION: Direction;
    fn open(choice: &DeviceChoice, wish: &StreamWish) -> Result<Self, DeviceError>;
    /// Whether sound has come or gone yet.
    fn has_started(&self) -> bool;
    /// Whether it still works.
    fn check(&mut self) -> Result<(), DeviceError>;
    /// As `mynah devices` lists it.
    fn id(&self) -> &str;
    fn format(&self) -> Format;
    /// What went wrong since it was opened.
    fn counters(&self) -> DeviceCounters;
}

macro_rules! device {
    ($device:ty, $direction:expr, $gaps:ident) => {
        impl Device for $device {
            const DIRECTION: Direction = $direction;

            fn open(choice: &DeviceChoice, wish: &StreamWish) -> Result<Self, DeviceError> {
                Self::open(choice, wish)
            }

            fn has_started(&self) -> bool {
                self.stats().callbacks > 0
            }

            fn check(&mut self) -> Result<(), DeviceError> {
                self.check()
            }

            fn id(&self) -> &str {
                self.device()
            }

            fn format(&self) -> Format {
                self.format()
            }

            fn counters(&self) -> DeviceCounters {
                let stats = self.stats();
                let (xruns, gaps, errors) = (stats.xruns, stats.$gaps, stats.errors);
                DeviceCounters { xruns, gaps, errors, ..DeviceCounters::default() }
            }
        }
    };
}
device!(Capture, Direction::Record, gaps);
device!(Playback, Direction::Play, underruns);

/// What [`Supervisor::look`] found.
#[derive(Debug)]
pub enum Change {
    /// The device works no more. It is closed.
    Lost(DeviceError),
    /// The same one is open again.
    Back,
    /// Another one is open: the lost one stayed away for so long, or a better one is back.
    Replaced,
}

pub struct Supervisor<D: Device> {
    /// The best first.
    ranked: Vec<DeviceChoice>,
    wish: Wish,
    device: Option<D>,
    /// Of the device that is open, or was last: its own name, and where in the list it stands.
    name: String,
    rank: usize,
    /// Since when there is none, and when it is tried again.
    lost: Option<(Instant, BackOff)>,
    /// When a better device than the open one is looked for next.
    look_at: Instant,
    attempt: Option<Attempt<D>>,
    /// How long an attempt may take.
    hangs_after: Duration,
    /// The level that was asked for was not reached at the last opening.
    complaint: Option<LevelError>,
    tally: Tally,
}

/// How devices are opened.
#[derive(Clone, Debug)]
pub struct Wish {
    pub stream: StreamWish,
    /// How far up the device's own control is turned, in percent.
    pub level: Option<u8>,
}

/// A device that was opened.
struct Opened<D> {
    device: D,
    /// Where in the list it stands.
    rank: usize,
    level: Result<(), LevelError>,
}

/// An opening that is under way.
struct Attempt<D> {
    opened: Receiver<Option<Opened<D>>>,
    since: Instant,
}

impl<D: Device> Supervisor<D> {
    /// Opens the first of `ranked` that can be opened; the caller waits for it.
    ///
    /// # Errors
    /// That of the best one, when none can be.
    pub fn open(ranked: Vec<DeviceChoice>, wish: Wish) -> Result<Self, DeviceError> {
        let mut first = None;
        for (rank, choice) in ranked.iter().enumerate() {
            match open::<D>(choice, rank, &wish) {
                Ok(Opened { device, rank, level }) => {
                    return Ok(Self {
                        name: device.id().to_owned(),
                        rank,
                        ranked,
                        wish,
                        device: Some(device),
                        lost: None,
                        look_at: Instant::now() + BETTER_EVERY,
                        attempt: None,
                        hangs_after: HANGS_AFTER,
                        complaint: level.err(),
                        tally: Tally::new(Instant::now()),
                    });
                }
                Err(error) => _ = first.get_or_insert(error),
            }
        }
        Err(first.expect("a board profile names one device at least, and so does a command line"))
    }

    /// The device, while there is one.
    pub fn device(&mut self) -> Option<&mut D> {
        self.device.as_mut()
    }

    /// The id of the device that is open, or was last.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the device that was opened last does not stand at the level that was asked for; once.
    pub fn complaint(&mut self) -> Option<LevelError> {
        self.complaint.take()
    }

    /// What went wrong with the devices that were open, all in all.
    pub fn counters(&self) -> DeviceCounters {
        self.tally.total()
    }

    /// See [`Tally::dropouts`].
    pub fn dropouts(&mut self, now: Instant) -> Option<(u64, u64)> {
        self.tally.dropouts(now)
    }

    /// A sentence on a device that was just opened.
    pub fn opened(&self, state: DeviceState) -> String {
        let how = if state == DeviceState::Back { "is back" } else { "is used from now on" };
        let format = self.device.as_ref().map(|device| format!(", {}", device.format()));
        format!("the {} `{}` {how}{}", D::DIRECTION.device(), self.name, format.unwrap_or_default())
    }

    /// Looks after the device. Never waits. A device that is `busy` is not left for a better one.
    pub fn look(&mut self, now: Instant, busy: bool) -> Option<Change> {
        let Some(device) = &mut self.device else { return self.look_for_lost(now) };
        self.tally.see(device.counters());
        if let Err(error) = device.check() {
            self.tally.lost();
            self.close();
            self.attempt = None;
            self.lost = Some((now, BackOff::new(now)));
            return Some(Change::Lost(error));
        }
        if busy || self.rank == 0 {
            return None;
        }
        if self.attempt.is_none() && now >= self.look_at {
            let better = self.ranked.iter().cloned().zip(0..self.rank).collect();
            self.attempt = Some(attempt(better, &self.wish, now));
        }
        let found = self.over(now)?;
        self.look_at = now + BETTER_EVERY;
        self.take(found?, now);
        Some(Change::Replaced)
    }

    fn look_for_lost(&mut self, now: Instant) -> Option<Change> {
        let (since, back_off) = self.lost.as_mut()?;
        let away = now.duration_since(*since);
        if self.attempt.is_none() && back_off.is_due(now) {
            // The system's default may be another device now, by the same name.
            let same = match &self.ranked[self.rank] {
                DeviceChoice::Default => DeviceChoice::Default,
                DeviceChoice::Named(_) => DeviceChoice::Named(self.name.clone()),
            };
            let mut choices = vec![(same, self.rank)];
            if away >= SAME_FOR {
                choices.extend(self.ranked.iter().cloned().zip(0..));
            }
            self.attempt = Some(attempt(choices, &self.wish, now));
        }
        let opened = self.over(now)??;
        let same = self.name == opened.device.id();
        self.tally.back(away);
        self.take(opened, now);
        Some(if same { Change::Back } else { Change::Replaced })
    }

    /// What an attempt came to, once it is over; it is then forgotten.
    fn over(&mut self, now: Instant) -> Option<Option<Opened<D>>> {
        let under_way = self.attempt.as_ref()?;
        let opened = match under_way.opened.try_recv() {
            Ok(opened) => {
                self.hangs_after = HANGS_AFTER;
                opened
            }
            Err(TryRecvError::Empty) if now.duration_since(under_way.since) < self.hangs_after => {
                return None;
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                self.hangs_after = (2 * self.hangs_after).min(HANGS_AFTER_MOST);
                None
            }
        };
        self.attempt = None;
        Some(opened)
    }

    fn take(&mut self, opened: Opened<D>, now: Instant) {
        self.close();
        (self.name, self.rank) = (opened.device.id().to_owned(), opened.rank);
        self.device = Some(opened.device);
        self.complaint = opened.level.err();
        self.lost = None;
        self.look_at = now + BETTER_EVERY;
    }

    fn close(&mut self) {
        if let Some(device) = self.device.take() {
            self.tally.closed();
            aside::close(device);
        }
    }
}

impl<D: Device> Drop for Supervisor<D> {
    fn drop(&mut self) {
        self.close();
    }
}

fn open<D: Device>(
    choice: &DeviceChoice,
    rank: usize,
    wish: &Wish,
) -> Result<Opened<D>, DeviceError> {
    let device = D::open(choice, &wish.stream)?;
    // The device is good without its level, too.
    let level = levels::apply(D::DIRECTION, device.id(), wish.level).map(drop);
    Ok(Opened { device, rank, level })
}

/// Begins to open the first of `choices` that can be opened.
fn attempt<D: Device>(
    choices: Vec<(DeviceChoice, usize)>,
    wish: &Wish,
    since: Instant,
) -> Attempt<D> {
    let (sender, opened) = bounded(1);
    let wish = wish.clone();
    // Without a thread the sender is dropped, which counts as a failed attempt.
    let _ = std::thread::Builder::new().name("open".into()).spawn(move || {
        let working = |(choice, rank)| started(open(&choice, rank, &wish).ok()?);
        // Where nobody waits for it any more it is closed again.
        let _ = sender.send(choices.into_iter().find_map(working));
    });
    Attempt { opened, since }
}

/// The device, if it does anything: one that hangs can be opened, too.
fn started<D: Device>(mut opened: Opened<D>) -> Option<Opened<D>> {
    while !opened.device.has_started() {
        if opened.device.check().is_err() {
            aside::close(opened.device);
            return None;
        }
        std::thread::sleep(LOOK_AT_START);
    }
    Some(opened)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    /// The fakes that are plugged in. Each test has names of its own.
    static PLUGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

    fn plug(id: &str) {
        PLUGGED.lock().unwrap().insert(id.into());
    }

    fn unplug(id: &str) {
        PLUGGED.lock().unwrap().remove(id);
    }

    const WISH: Wish =
        Wish { stream: StreamWish { rate_hz: None, channels: None, period_ms: 20 }, level: None };

    struct Fake(String);

    impl Device for Fake {
        const DIRECTION: Direction = Direction::Record;

        fn open(choice: &DeviceChoice, _: &StreamWish) -> Result<Self, DeviceError> {
            let DeviceChoice::Named(id) = choice else { panic!("fakes have names") };
            let fake = Self(id.clone());
            fake.lost().map_or(Ok(fake), Err)
        }

        fn has_started(&self) -> bool {
            true
        }

        fn check(&mut self) -> Result<(), DeviceError> {
            self.lost().map_or(Ok(()), Err)
        }

        fn id(&self) -> &str {
            &self.0
        }

        fn format(&self) -> Format {
            Format { rate_hz: 48_000, channels: 1, sample: cpal::SampleFormat::F32 }
        }

        fn counters(&self) -> DeviceCounters {
            DeviceCounters { xruns: 1, ..DeviceCounters::default() }
        }
    }

    impl Fake {
        fn lost(&self) -> Option<DeviceError> {
            let plugged = PLUGGED.lock().unwrap().contains(&self.0);
            let device = self.0.clone();
            (!plugged).then_some(DeviceError::Lost {
                direction: Direction::Record,
                device,
                what: "it was unplugged",
            })
        }
    }

    struct Bench {
        supervisor: Supervisor<Fake>,
        now: Instant,
    }

    impl Bench {
        fn new(ranked: &[&str]) -> Self {
            let ranked = ranked.iter().map(|name| DeviceChoice::Named((*name).into())).collect();
            let supervisor = Supervisor::open(ranked, WISH).unwrap();
            Self { supervisor, now: Instant::now() }
        }

        /// What changes within so many seconds, and which device is open then.
        fn pass(&mut self, seconds: u64, busy: bool) -> (String, Option<&str>) {
            let mut changes = Vec::new();
            for _ in 0..seconds * 10 {
                self.now += Duration::from_millis(100);
                // The clock here is not that of the thread that opens.
                std::thread::sleep(Duration::from_millis(2));
                changes.extend(self.supervisor.look(self.now, busy).map(|change| match change {
                    Change::Lost(_) => "lost",
                    Change::Back => "back",
                    Change::Replaced => "replaced",
                }));
            }
            (changes.join(" "), self.supervisor.device().map(|fake| fake.id()))
        }
    }

    #[test]
    fn the_same_device_is_waited_for() {
        plug("a1");
        plug("a2");
        let mut bench = Bench::new(&["a1", "a2"]);
        unplug("a1");
        assert_eq!(bench.pass(3, false), ("lost".into(), None));
        plug("a1");
        assert_eq!(bench.pass(3, false), ("back".into(), Some("a1")));
        let DeviceCounters { lost, away_ms, xruns, .. } = bench.supervisor.counters();
        assert_eq!((lost, xruns), (1, 2));
        assert!(away_ms > 2_000, "{away_ms}");
    }

    #[test]
    fn another_one_stands_in_until_it_returns() {
        plug("b1");
        plug("b2");
        let mut bench = Bench::new(&["b1", "b2"]);
        unplug("b1");
        assert_eq!(bench.pass(15, false), ("lost replaced".into(), Some("b2")));
        plug("b1");
        assert_eq!(bench.pass(70, true), (String::new(), Some("b2")), "it is busy");
        assert_eq!(bench.pass(35, false), ("replaced".into(), Some("b1")));
        bench.pass(1, false);
        assert_eq!(bench.supervisor.counters().xruns, 3, "each opening counts its own");
    }

    #[test]
    fn a_device_that_was_not_asked_for_is_never_taken() {
        plug("c1");
        plug("c2");
        let mut bench = Bench::new(&["c1"]);
        unplug("c1");
        assert_eq!(bench.pass(60, false), ("lost".into(), None));
        plug("c1");
        assert_eq!(bench.pass(6, false), ("back".into(), Some("c1")));
    }

    #[test]
    fn at_the_start_the_first_that_works_is_taken_and_the_best_is_missed() {
        plug("d2");
        assert_eq!(Bench::new(&["d1", "d2"]).pass(1, false).1, Some("d2"));
        let ranked = ["d3", "d4"].map(|name| DeviceChoice::Named(name.into())).to_vec();
        let Err(error) = Supervisor::<Fake>::open(ranked, WISH) else {
            panic!("none is plugged in");
        };
        assert!(error.to_string().contains("d3"), "{error}");
    }
}
