//! The queues and shared values between the listener and the thinker: everything that crosses
//! from one thread to the other is made here.
//!
//! | what | kind | capacity | when full |
//! |---|---|---|---|
//! | sound | SPSC ring of 16 kHz samples | [`SOUND_S`] s | the frame becomes a counted gap, later replaced by equal silence |
//! | gaps | SPSC ring of spans | [`GAP_QUEUE`] | the gap grows until there is room |
//! | events | bounded channel of [`Heard`] | [`EVENT_QUEUE`] | kept in order by the listener, retried each frame |
//! | view, deadline, positions | latest value | 1 | overwritten |
//! | reference of a speaker that was opened | latest value | 1 | the older one is dropped: its speaker is gone |

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select};
use crossbeam_utils::atomic::AtomicCell;
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer, Observer, Producer, Split};

use super::speaker::Speaker;
use crate::audio::frames::TimedFrame;
use crate::audio::reference::Reference;
use crate::cancel::CancelEpoch;
use crate::hear::echo::EchoState;
use crate::observe::DeviceCounters;
use crate::turn::{Heard, Press, View};
use crate::units::{FRAME_LEN, SAMPLE_RATE_HZ, SamplePos, Span};

/// Sound the ring holds, in seconds: longer than the longest utterance with a recognition behind.
pub const SOUND_S: u32 = 40;
/// Events in flight. One utterance makes fewer than ten.
pub const EVENT_QUEUE: usize = 64;
/// Events the listener keeps while the channel is full, before it counts them as lost.
const KEPT_EVENTS: usize = 64;
/// Gaps in flight.
const GAP_QUEUE: usize = 16;

const SOUND_LEN: usize = (SOUND_S * SAMPLE_RATE_HZ) as usize;
const NO_DEADLINE: u64 = u64::MAX;

/// How the two threads keep step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Replay: the listener waits for the thinker after every event, so computation costs no
    /// sample time and every run is the same.
    LockStep,
    /// Live: nobody waits for anybody.
    Free,
}

/// The other thread is gone.
#[derive(Debug)]
pub struct Disconnected;

/// Latest values, each written by one side only.
pub struct Shared {
    /// Thinker → listener: what it makes of the sound so far.
    view: AtomicCell<Option<View>>,
    /// Thinker → listener: when it wants to be woken with [`Heard::Due`].
    deadline: AtomicU64,
    /// Thinker → listener: until where our own voice sounds.
    speaking_until: AtomicU64,
    /// Listener → thinker: all sound before this is in the ring.
    heard_until: AtomicU64,
    /// Listener → thinker: work that lost its purpose.
    pub cancel: CancelEpoch,
    /// Thinker → listener: the open speaker. Locked for a copy only, and never by
    /// a callback.
    speaker: Mutex<Option<Speaker>>,
    /// Whoever opens a speaker → listener: what it plays.
    reference: AtomicCell<Option<Box<Reference>>>,
    /// Listener → anybody: how the echo canceller fares, if there is one.
    echo: AtomicCell<Option<EchoState>>,
    /// Listener → thinker: where our voice was last told to stop.
    stopped_at: AtomicU64,
    /// Microphone → thinker: nothing is heard, and it is not quiet.
    deaf: AtomicBool,
    /// Microphone → anybody: what went wrong with it.
    microphone: AtomicCell<DeviceCounters>,
    /// Anybody → both: wind up.
    stop: AtomicBool,
    lost_samples: AtomicU64,
    lost_events: AtomicU64,
}

impl Shared {
    pub fn set_view(&self, view: View) {
        self.view.store(Some(view));
    }

    pub fn view(&self) -> Option<View> {
        self.view.load()
    }

    pub fn set_deadline(&self, at: Option<SamplePos>) {
        self.deadline.store(at.map_or(NO_DEADLINE, |at| at.0), Relaxed);
    }

    fn is_due(&self, at: SamplePos) -> bool {
        at.0 >= self.deadline.load(Relaxed)
    }

    pub fn set_speaking_until(&self, at: SamplePos) {
        self.speaking_until.store(at.0, Relaxed);
    }

    pub fn speaking_until(&self) -> SamplePos {
        SamplePos(self.speaking_until.load(Relaxed))
    }

    pub fn heard_until(&self) -> SamplePos {
        SamplePos(self.heard_until.load(Relaxed))
    }

    pub fn set_speaker(&self, speaker: Option<Speaker>) {
        *self.speaker.lock().unwrap_or_else(PoisonError::into_inner) = speaker;
    }

    pub fn speaker(&self) -> Option<Speaker> {
        self.speaker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A speaker was opened, and this is what it plays.
    pub fn set_reference(&self, reference: Reference) {
        self.reference.store(Some(Box::new(reference)));
    }

    /// The reference of a speaker that was opened since the last time.
    pub fn take_reference(&self) -> Option<Box<Reference>> {
        self.reference.take()
    }

    pub fn set_echo(&self, state: EchoState) {
        self.echo.store(Some(state));
    }

    /// How the echo canceller fares; `None` without one.
    pub fn echo(&self) -> Option<EchoState> {
        self.echo.load()
    }

    pub fn set_stopped_at(&self, at: SamplePos) {
        self.stopped_at.store(at.0, Relaxed);
    }

    /// The end of the frame in which the listener last silenced us; zero before.
    pub fn stopped_at(&self) -> SamplePos {
        SamplePos(self.stopped_at.load(Relaxed))
    }

    pub fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, Relaxed);
    }

    /// There is no microphone, or a dead one.
    pub fn is_deaf(&self) -> bool {
        self.deaf.load(Relaxed)
    }

    pub fn set_microphone(&self, counters: DeviceCounters) {
        self.microphone.store(counters);
    }

    /// What went wrong with the microphone; nothing in a replay.
    pub fn microphone(&self) -> DeviceCounters {
        self.microphone.load()
    }

    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Samples replaced by silence because the thinker did not fetch them in time.
    pub fn lost_samples(&self) -> u64 {
        self.lost_samples.load(Relaxed)
    }

    /// Events that did not reach the thinker.
    pub fn lost_events(&self) -> u64 {
        self.lost_events.load(Relaxed)
    }
}

/// Makes both ends.
pub fn link(pace: Pace) -> (ListenerEnd, ThinkerEnd) {
    let (sound_in, sound_out) = HeapRb::<f32>::new(SOUND_LEN).split();
    let (gaps_in, gaps_out) = HeapRb::<Span>::new(GAP_QUEUE).split();
    let (events_in, events_out) = bounded(EVENT_QUEUE);
    let (done_in, done_out) = bounded(1);
    let shared = Arc::new(Shared {
        view: AtomicCell::new(None),
        deadline: AtomicU64::new(NO_DEADLINE),
        speaking_until: AtomicU64::new(0),
        heard_until: AtomicU64::new(0),
        cancel: CancelEpoch::default(),
        speaker: Mutex::new(None),
        reference: AtomicCell::new(None),
        echo: AtomicCell::new(None),
        stopped_at: AtomicU64::new(0),
        deaf: AtomicBool::new(false),
        microphone: AtomicCell::new(DeviceCounters::default()),
        stop: AtomicBool::new(false),
        lost_samples: AtomicU64::new(0),
        lost_events: AtomicU64::new(0),
    });
    let listener = ListenerEnd {
        pace,
        sound: sound_in,
        gaps: gaps_in,
        owed: None,
        events: events_in,
        kept: heapless::Deque::new(),
        done: done_out,
        shared: Arc::clone(&shared),
    };
    let thinker = ThinkerEnd {
        pace,
        sound: sound_out,
        gaps: gaps_out,
        at: SamplePos(0),
        events: events_out,
        typed: never(),
        pressed: never(),
        done: done_in,
        shared,
    };
    (listener, thinker)
}

/// The listener's end: writes sound and events, never waits except in lock-step.
pub struct ListenerEnd {
    pace: Pace,
    sound: ringbuf::HeapProd<f32>,
    gaps: ringbuf::HeapProd<Span>,
    /// Sound that found no room and is not yet published as a gap.
    owed: Option<Span>,
    events: Sender<Heard>,
    kept: heapless::Deque<Heard, KEPT_EVENTS>,
    done: Receiver<()>,
    pub shared: Arc<Shared>,
}

impl ListenerEnd {
    /// Hands on one frame. Frames must follow one another without holes.
    pub fn push_frame(&mut self, frame: &TimedFrame) -> Result<(), Disconnected> {
        let end = frame.at + FRAME_LEN as u64;
        if self.pace == Pace::LockStep && self.sound.vacant_len() < SOUND_LEN / 2 {
            // Any event makes the thinker fetch the sound.
            self.send(Heard::Due { at: frame.at })?;
        }
        if let Some(owed) = self.owed
            && self.sound.vacant_len() >= FRAME_LEN
            && self.gaps.try_push(owed).is_ok()
        {
            self.owed = None;
        }
        if self.owed.is_none() && self.sound.vacant_len() >= FRAME_LEN {
            self.sound.push_slice(&frame.samples);
        } else {
            self.owed = Some(Span::new(self.owed.map_or(frame.at, |o| o.start), end));
            self.shared.lost_samples.fetch_add(FRAME_LEN as u64, Relaxed);
        }
        self.shared.heard_until.store(end.0, Relaxed);
        self.flush_kept()
    }

    /// Sends an event; in lock-step returns when the thinker is done with it.
    pub fn send(&mut self, heard: Heard) -> Result<(), Disconnected> {
        match self.pace {
            Pace::LockStep => {
                self.events.send(heard).map_err(|_| Disconnected)?;
                self.done.recv().map_err(|_| Disconnected)
            }
            Pace::Free => {
                self.flush_kept()?;
                if self.kept.is_empty() {
                    match self.events.try_send(heard) {
                        Ok(()) => return Ok(()),
                        Err(TrySendError::Disconnected(_)) => return Err(Disconnected),
                        Err(TrySendError::Full(_)) => {}
                    }
                }
                if self.kept.push_back(heard).is_err() {
                    self.shared.lost_events.fetch_add(1, Relaxed);
                }
                Ok(())
            }
        }
    }

    /// Sends [`Heard::Due`] once when the thinker's deadline lies at or before `at`.
    pub fn keep_deadline(&mut self, at: SamplePos) -> Result<(), Disconnected> {
        if !self.shared.is_due(at) {
            return Ok(());
        }
        self.shared.set_deadline(None);
        self.send(Heard::Due { at })
    }

    fn flush_kept(&mut self) -> Result<(), Disconnected> {
        while let Some(&heard) = self.kept.front() {
            match self.events.try_send(heard) {
                Ok(()) => drop(self.kept.pop_front()),
                Err(TrySendError::Full(_)) => break,
                Err(TrySendError::Disconnected(_)) => return Err(Disconnected),
            }
        }
        Ok(())
    }
}

/// What woke the thinker.
#[derive(Debug, PartialEq)]
pub enum Woken {
    Heard(Heard),
    /// Somebody typed a line instead of speaking.
    Typed(String),
    /// Somebody used a button.
    Pressed(Press),
    /// Nothing was heard for the time it wanted to wait.
    Idle,
    /// The listener is gone.
    Disconnected,
}

/// The thinker's end: reads sound and events.
pub struct ThinkerEnd {
    pace: Pace,
    sound: ringbuf::HeapCons<f32>,
    gaps: ringbuf::HeapCons<Span>,
    /// Position of the next sample to fetch.
    at: SamplePos,
    events: Receiver<Heard>,
    typed: Receiver<String>,
    pressed: Receiver<Press>,
    done: Sender<()>,
    pub shared: Arc<Shared>,
}

impl ThinkerEnd {
    /// Lines that are typed beside what is heard, when the pace is [`Pace::Free`].
    pub fn take_lines(&mut self, lines: Receiver<String>) {
        self.typed = lines;
    }

    /// What is done with buttons, when the pace is [`Pace::Free`].
    pub fn take_presses(&mut self, presses: Receiver<Press>) {
        self.pressed = presses;
    }

    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The position of a decision on something heard at `heard_at`: in lock-step computation takes
    /// no time.
    pub fn now(&self, heard_at: SamplePos) -> SamplePos {
        match self.pace {
            Pace::LockStep => heard_at,
            Pace::Free => heard_at.max(self.shared.heard_until()),
        }
    }

    /// Waits for the next event, at most `wait`; in lock-step as long as it takes.
    pub fn next(&mut self, wait: Duration) -> Woken {
        let heard = |received: Result<Heard, _>| received.map_or(Woken::Disconnected, Woken::Heard);
        if self.pace == Pace::LockStep {
            return heard(self.events.recv());
        }
        select! {
            recv(self.events) -> received => heard(received),
            recv(self.typed) -> line => line.map(Woken::Typed).unwrap_or_else(|_| {
                // The keyboard is gone, and the ear is not.
                self.typed = never();
                Woken::Idle
            }),
            recv(self.pressed) -> press => press.map(Woken::Pressed).unwrap_or_else(|_| {
                self.pressed = never();
                Woken::Idle
            }),
            default(wait) => Woken::Idle,
        }
    }

    /// The event from [`ThinkerEnd::next`] is dealt with: in lock-step the listener goes on.
    pub fn done(&self) {
        if self.pace == Pace::LockStep {
            // A listener that is gone needs no word.
            let _ = self.done.send(());
        }
    }

    /// Passes all sound that has arrived to `take`, in order, with gaps as silence.
    pub fn fetch(&mut self, mut take: impl FnMut(&[f32])) {
        const SILENCE: [f32; 1024] = [0.0; 1024];
        // Counting the samples first guarantees that every gap before them is visible.
        let mut left = self.sound.occupied_len();
        loop {
            let gap = self.gaps.try_peek().copied();
            let until_gap = match gap {
                Some(gap) if gap.start == self.at => {
                    let mut silent = gap.len() as usize;
                    while silent > 0 {
                        let part = silent.min(SILENCE.len());
                        take(&SILENCE[..part]);
                        silent -= part;
                    }
                    self.at = gap.end;
                    self.gaps.try_pop();
                    continue;
                }
                Some(gap) => (gap.start.since(self.at) as usize).min(left),
                None => left,
            };
            if until_gap == 0 {
                return;
            }
            let mut part = [0.0; 1024];
            let len = until_gap.min(part.len());
            let got = self.sound.pop_slice(&mut part[..len]);
            take(&part[..got]);
            self.at = self.at + got as u64;
            left -= got;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(index: u64, value: f32) -> TimedFrame {
        TimedFrame { at: SamplePos(index * FRAME_LEN as u64), samples: [value; FRAME_LEN] }
    }

    fn fetched(end: &mut ThinkerEnd) -> Vec<f32> {
        let mut all = Vec::new();
        end.fetch(|part| all.extend_from_slice(part));
        all
    }

    #[test]
    fn sound_arrives_in_order() {
        let (mut listener, mut thinker) = link(Pace::Free);
        for i in 0..3 {
            listener.push_frame(&frame(i, i as f32)).unwrap();
        }
        let sound = fetched(&mut thinker);
        assert_eq!(sound.len(), 3 * FRAME_LEN);
        assert_eq!((sound[0], sound[FRAME_LEN], sound[2 * FRAME_LEN]), (0.0, 1.0, 2.0));
        assert_eq!(listener.shared.heard_until(), SamplePos(3 * FRAME_LEN as u64));
    }

    #[test]
    fn a_sleeping_thinker_costs_silence_but_never_time() {
        let (mut listener, mut thinker) = link(Pace::Free);
        let fits = (SOUND_LEN / FRAME_LEN) as u64;
        for i in 0..fits + 10 {
            listener.push_frame(&frame(i, 1.0)).unwrap();
        }
        assert_eq!(listener.shared.lost_samples(), 10 * FRAME_LEN as u64);
        let first = fetched(&mut thinker);
        assert_eq!(first.len(), SOUND_LEN);
        for i in fits + 10..fits + 12 {
            listener.push_frame(&frame(i, 2.0)).unwrap();
        }
        let rest = fetched(&mut thinker);
        assert_eq!(rest.len(), 12 * FRAME_LEN, "the gap comes back as equal silence");
        assert!(rest[..10 * FRAME_LEN].iter().all(|&s| s == 0.0));
        assert!(rest[10 * FRAME_LEN..].iter().all(|&s| s == 2.0));
    }

    #[test]
    fn events_keep_their_order_through_a_full_channel() {
        let (mut listener, mut thinker) = link(Pace::Free);
        let n = EVENT_QUEUE as u64 + 5;
        for i in 0..n {
            listener.send(Heard::Due { at: SamplePos(i) }).unwrap();
        }
        let mut got = Vec::new();
        let mut index = 0;
        while got.len() < n as usize {
            while let Woken::Heard(heard) = thinker.next(Duration::ZERO) {
                got.push(heard.at().0);
            }
            listener.push_frame(&frame(index, 0.0)).unwrap();
            index += 1;
        }
        assert_eq!(got, (0..n).collect::<Vec<_>>());
        assert_eq!(listener.shared.lost_events(), 0);
    }

    #[test]
    fn an_overrun_of_events_is_counted() {
        let (mut listener, _thinker) = link(Pace::Free);
        for i in 0..(EVENT_QUEUE + KEPT_EVENTS + 3) as u64 {
            listener.send(Heard::Due { at: SamplePos(i) }).unwrap();
        }
        assert_eq!(listener.shared.lost_events(), 3);
    }

    #[test]
    fn a_deadline_is_kept_once() {
        let (mut listener, mut thinker) = link(Pace::Free);
        listener.shared.set_deadline(Some(SamplePos(100)));
        for at in [99, 100, 101] {
            listener.keep_deadline(SamplePos(at)).unwrap();
        }
        assert_eq!(thinker.next(Duration::ZERO), Woken::Heard(Heard::Due { at: SamplePos(100) }));
        assert_eq!(thinker.next(Duration::ZERO), Woken::Idle);
    }

    #[test]
    fn a_line_that_is_typed_wakes_the_thinker_like_one_that_is_said() {
        let (mut listener, mut thinker) = link(Pace::Free);
        let (keyboard, lines) = bounded(1);
        thinker.take_lines(lines);
        keyboard.send("a latte".to_owned()).unwrap();
        assert_eq!(thinker.next(Duration::ZERO), Woken::Typed("a latte".into()));
        drop(keyboard);
        assert_eq!(thinker.next(Duration::ZERO), Woken::Idle);
        listener.send(Heard::Due { at: SamplePos(1) }).unwrap();
        assert_eq!(thinker.next(Duration::ZERO), Woken::Heard(Heard::Due { at: SamplePos(1) }));
    }

    #[test]
    fn lock_step_waits_for_the_answer() {
        let (mut listener, mut thinker) = link(Pace::LockStep);
        let answering = std::thread::spawn(move || {
            let woken = thinker.next(Duration::ZERO);
            thinker.shared.set_speaking_until(SamplePos(7));
            thinker.done();
            woken
        });
        listener.send(Heard::SpeechStart { at: SamplePos(5) }).unwrap();
        assert_eq!(listener.shared.speaking_until(), SamplePos(7));
        assert_eq!(
            answering.join().unwrap(),
            Woken::Heard(Heard::SpeechStart { at: SamplePos(5) })
        );
    }

    #[test]
    fn a_dead_thinker_is_noticed() {
        let (mut listener, thinker) = link(Pace::LockStep);
        drop(thinker);
        assert!(listener.send(Heard::Due { at: SamplePos(0) }).is_err());
    }
}
