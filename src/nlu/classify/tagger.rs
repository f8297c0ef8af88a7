//! Open slots: which words of a text fill which slot of its intent.
//!
//! A chain of tags, one per word, scored by hashed features of the word, its neighbours, known
//! values and the tag before; learned as an averaged perceptron (Collins 2002).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::ClassifyError;
use super::bytes::byte_rows;
use super::features::{Features, KnownValues};
use super::head::Shuffle;
use super::stored::{Reader, Writer};
use super::tokens::{Token, tokens};

/// Begins a stored tagger; the last byte is the version of its layout.
const MAGIC: [u8; 8] = *b"mynahST\x02";
/// Passes over the examples.
const EPOCHS: usize = 10;
/// Weights there are, as a power of two: about one per feature and tag that can meet, and a megabyte
/// at most.
const TABLE_BITS: Range<u32> = 12..21;
/// Longest text that is tagged; nobody's request has more words.
const MAX_TOKENS: usize = 200;
/// No slot.
const OUTSIDE: u16 = 0;

/// A text, its intent, and the values of its slots as they stand in it.
#[derive(Debug, Clone)]
pub struct SlotExample<'a> {
    pub text: &'a str,
    pub intent: &'a str,
    /// Slot and value, as written in the text but for case.
    pub slots: Vec<(&'a str, String)>,
}

/// Words that fill a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    pub slot: String,
    /// Bytes of the text.
    pub at: Range<usize>,
}

/// The trained tagger. Immutable, and shared between threads as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotTagger {
    /// In alphabetical order. Slot `s` begins with tag `2 s + 1` and goes on with `2 s + 2`.
    slots: Vec<String>,
    /// The tags that occur in texts of each intent.
    tags_of: BTreeMap<String, Vec<u16>>,
    known: KnownValues,
    /// Signed bytes by hash of feature and tag; a power of two of them. They are only compared with
    /// one another, so that no scale belongs to them.
    weights: Vec<u8>,
}

/// One example, ready for the chain.
struct Prepared<'a> {
    features: Features,
    tags: &'a [u16],
    gold: Vec<u16>,
}

impl SlotTagger {
    /// Learns from `examples`, and from `values`, slot and value, that are known to exist.
    ///
    /// A value that does not stand in its text is not learned from. The same examples in the same
    /// order give the same tagger.
    pub fn train(examples: &[SlotExample], values: &[(&str, &str)]) -> Self {
        let named = examples.iter().flat_map(|e| e.slots.iter().map(|(slot, _)| *slot));
        let slots: BTreeSet<&str> = named.chain(values.iter().map(|(slot, _)| *slot)).collect();
        let slots: Vec<String> = slots.into_iter().map(str::to_owned).collect();
        let number = |slot: &str| {
            slots.binary_search_by(|s| s.as_str().cmp(slot)).expect("gathered above") as u16
        };
        let mut known = KnownValues::default();
        let mut tags_of: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for example in examples {
            let tags = tags_of.entry(example.intent.to_owned()).or_insert([OUTSIDE].into());
            for (slot, value) in &example.slots {
                let slot = number(slot);
                tags.extend([begins(slot), goes_on(slot)]);
                known.add(slot, &tokens(value));
            }
        }
        for (slot, value) in values {
            known.add_certain(number(slot), &tokens(value));
        }
        let tags_of: BTreeMap<String, Vec<u16>> = tags_of
            .into_iter()
            .map(|(intent, tags)| (intent, tags.into_iter().collect()))
            .collect();
        let mut prepared = Vec::with_capacity(examples.len());
        for example in examples {
            let mut words = tokens(example.text);
            words.truncate(MAX_TOKENS);
            let mut values: Vec<(u16, Vec<Token>)> =
                example.slots.iter().map(|(slot, v)| (number(slot), tokens(v))).collect();
            let gold = place(&words, &mut values);
            let features = Features::of(&words, &known, &values);
            prepared.push(Prepared { features, tags: &tags_of[example.intent], gold });
        }
        let weights = learn(&prepared);
        let (weights, _) = byte_rows(&weights, weights.len());
        Self { slots, tags_of, known, weights }
    }

    /// The slots of `text`, a text of `intent`, in the order of its words.
    pub fn tag(&self, text: &str, intent: &str) -> Vec<Tagged> {
        let Some(tags) = self.tags_of.get(intent).filter(|tags| tags.len() > 1) else {
            return Vec::new();
        };
        let mut words = tokens(text);
        words.truncate(MAX_TOKENS);
        let features = Features::of(&words, &self.known, &[]);
        let mut found: Vec<Tagged> = Vec::new();
        let weights = |place: usize| f32::from(self.weights[place].cast_signed());
        let chain = best_chain(&weights, self.weights.len(), &features, tags);
        for (tag, word) in chain.into_iter().zip(&words) {
            if tag == OUTSIDE {
                continue;
            }
            let slot = usize::from(tag - 1) / 2;
            match found.last_mut() {
                Some(last) if tag == goes_on(slot as u16) => last.at.end = word.at.end,
                _ => found.push(Tagged { slot: self.slots[slot].clone(), at: word.at.clone() }),
            }
        }
        found
    }

    /// The tagger as bytes, the same for equal taggers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes.extend(MAGIC);
        out.word(self.slots.len() as u32);
        self.slots.iter().for_each(|slot| out.text(slot));
        out.word(self.tags_of.len() as u32);
        for (intent, tags) in &self.tags_of {
            out.text(intent);
            out.words(tags.iter().map(|tag| u32::from(*tag)));
        }
        self.known.write(&mut out);
        out.raw(&self.weights);
        out.bytes
    }

    /// Reads what [`SlotTagger::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ClassifyError> {
        let unreadable = |why: String| ClassifyError::Unreadable { why };
        let rest = bytes
            .strip_prefix(&MAGIC)
            .ok_or_else(|| unreadable("it is no slot tagger of this version".into()))?;
        Self::read(&mut Reader { rest }).map_err(unreadable)
    }

    fn read(from: &mut Reader) -> Result<Self, String> {
        let slots: Vec<String> =
            (0..from.word()?).map(|_| from.text()).collect::<Result<_, String>>()?;
        let mut tags_of = BTreeMap::new();
        for _ in 0..from.word()? {
            let (intent, tags) = (from.text()?, from.words()?);
            let tags: Vec<u16> = tags.into_iter().map(|tag| tag as u16).collect();
            if tags.first() != Some(&OUTSIDE)
                || tags.iter().any(|t| usize::from(*t) > 2 * slots.len())
            {
                return Err(format!("{intent} has a tag of no slot"));
            }
            tags_of.insert(intent, tags);
        }
        let known = KnownValues::read(from, slots.len())?;
        let weights = from.raw()?.to_vec();
        let size = weights.len();
        if !size.is_power_of_two() || size >= 1 << TABLE_BITS.end {
            return Err(format!("{size} weights"));
        }
        if !from.rest.is_empty() {
            return Err(format!("{} bytes too many", from.rest.len()));
        }
        Ok(Self { slots, tags_of, known, weights })
    }
}

fn begins(slot: u16) -> u16 {
    2 * slot + 1
}

fn goes_on(slot: u16) -> u16 {
    2 * slot + 2
}

/// Whether `tag` can stand behind `before`.
fn follows(before: u16, tag: u16) -> bool {
    let goes_on = tag != OUTSIDE && tag.is_multiple_of(2);
    !goes_on || before == tag || before + 1 == tag
}

/// Tags for the values of an example where they stand first, the longest first; `values` keeps those
/// that were found.
fn place(words: &[Token], values: &mut Vec<(u16, Vec<Token>)>) -> Vec<u16> {
    let mut gold = vec![OUTSIDE; words.len()];
    values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    values.retain(|(slot, value)| {
        let fits = |at: &usize| {
            let here = words[*at..].iter().take(value.len());
            here.map(|w| &w.word).eq(value.iter().map(|w| &w.word))
                && gold[*at..*at + value.len()].iter().all(|tag| *tag == OUTSIDE)
        };
        let found = (0..words.len()).filter(|_| !value.is_empty()).find(fits);
        if let Some(at) = found {
            gold[at..at + value.len()].fill(goes_on(*slot));
            gold[at] = begins(*slot);
        }
        found.is_some()
    });
    gold
}

/// Where the weight of a feature and a tag stands.
fn slot_of(feature: u32, tag: u16, size: usize) -> usize {
    let mixed = (feature ^ u32::from(tag).wrapping_mul(0x9e37_79b1)).wrapping_mul(0x85eb_ca6b);
    (mixed ^ (mixed >> 15)) as usize & (size - 1)
}

/// The weight of `tag` behind `before`, whatever the words.
fn pair_of(before: u16, tag: u16, size: usize) -> usize {
    slot_of(u32::from(before).wrapping_mul(0x27d4_eb2f) ^ 0x1656_67b1, tag, size)
}

/// What stands before the first word.
const BEGIN: u16 = u16::MAX;

fn learn(examples: &[Prepared]) -> Vec<f32> {
    let mut met = BTreeSet::new();
    for example in examples {
        met.extend(example.features.all());
    }
    let tags = examples.iter().map(|example| example.tags.len()).max().unwrap_or(1);
    let bits = (met.len().max(1) * tags).next_power_of_two().trailing_zeros();
    let size = 1_usize << bits.clamp(TABLE_BITS.start, TABLE_BITS.end - 1);
    let (mut weights, mut sums) = (vec![0.0_f32; size], vec![0.0_f64; size]);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut shuffle = Shuffle(0x853c_49e6_748f_ea9b);
    let mut count = 1.0;
    for _ in 0..EPOCHS {
        shuffle.apply(&mut order);
        for number in &order {
            let Prepared { features, tags, gold } = &examples[*number];
            let guess = best_chain(&|place| weights[place], size, features, tags);
            let mut reward = |place: usize, by: f32| {
                weights[place] += by;
                // The average is taken at the end, from the sum of changes times their age.
                sums[place] += f64::from(by) * count;
            };
            let mut before = (BEGIN, BEGIN);
            for (at, (right, wrong)) in gold.iter().zip(&guess).enumerate() {
                if right != wrong {
                    for feature in features.at(at) {
                        reward(slot_of(*feature, *right, size), 1.0);
                        reward(slot_of(*feature, *wrong, size), -1.0);
                    }
                }
                if (right, before.0) != (wrong, before.1) {
                    reward(pair_of(before.0, *right, size), 1.0);
                    reward(pair_of(before.1, *wrong, size), -1.0);
                }
                before = (*right, *wrong);
            }
            count += 1.0;
        }
    }
    let averaged = weights.iter().zip(&sums).map(|(w, sum)| (f64::from(*w) - sum / count) as f32);
    averaged.collect()
}

/// The best sequence of tags (Viterbi), by one of `size` weights at each place.
fn best_chain(
    weights: &impl Fn(usize) -> f32,
    size: usize,
    features: &Features,
    tags: &[u16],
) -> Vec<u16> {
    let pairs: Vec<f32> = tags
        .iter()
        .flat_map(|before| tags.iter().map(move |tag| (*before, *tag)))
        .map(|(before, tag)| match follows(before, tag) {
            true => weights(pair_of(before, tag, size)),
            false => f32::NEG_INFINITY,
        })
        .collect();
    let mut scores: Vec<f32> = Vec::new();
    let mut from: Vec<u16> = Vec::with_capacity(features.len() * tags.len());
    for at in 0..features.len() {
        let emit = |tag: &u16| -> f32 {
            features.at(at).iter().map(|f| weights(slot_of(*f, *tag, size))).sum()
        };
        let next = tags.iter().enumerate().map(|(t, tag)| {
            if at == 0 {
                let start = weights(pair_of(BEGIN, *tag, size));
                let possible = follows(OUTSIDE, *tag);
                from.push(0);
                return if possible { emit(tag) + start } else { f32::NEG_INFINITY };
            }
            let ways = scores.iter().zip(pairs[t..].iter().step_by(tags.len()));
            let (mut best, mut way) = (f32::NEG_INFINITY, 0);
            for (before, (score, pair)) in ways.enumerate() {
                if score + pair > best {
                    (best, way) = (score + pair, before as u16);
                }
            }
            from.push(way);
            if best == f32::NEG_INFINITY { best } else { best + emit(tag) }
        });
        scores = next.collect();
    }
    let last =
        (0..tags.len()).max_by(|a, b| scores_at(&scores, *a).total_cmp(&scores_at(&scores, *b)));
    let mut tag = last.unwrap_or(0);
    let mut chain = Vec::with_capacity(features.len());
    for row in from.chunks_exact(tags.len().max(1)).rev() {
        chain.push(tags[tag]);
        tag = usize::from(row[tag]);
    }
    chain.reverse();
    chain
}

fn scores_at(scores: &[f32], tag: usize) -> f32 {
    scores.get(tag).copied().unwrap_or(f32::NEG_INFINITY)
}
