use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;

use super::rope::Angles;
use super::{AsrError, Cross, Meta};
use crate::models::ModelStore;
use crate::nn::linear::ByteLinear;
use crate::nn::ops::{DecoderMemory, QuantLinear};
use crate::nn::tree::{Node, TokenTree};
use crate::nn::{Network, Session};

/// Tokens and everything before them → the logits of what follows each.
pub struct Decoder {
    /// For one token, in which every shape is known: such a step allocates nothing.
    single: Session,
    /// For any number of tokens, which share one pass over the weights.
    batch: Session,
    /// What the operators of both attend to during a run.
    memory: Arc<Mutex<DecoderMemory>>,
    /// The vocabulary head, whose columns are the embeddings of the tokens.
    head: Arc<ByteLinear>,
    meta: Meta,
    angles: Angles,
}

/// What one utterance has been told so far: its sound, and a tree of tokens.
pub struct Cache(DecoderMemory);

impl Cache {
    /// Tokens inside.
    pub fn len(&self) -> usize {
        self.0.tokens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.tokens.is_empty()
    }

    /// How many more tokens fit.
    pub fn room(&self) -> usize {
        self.0.tokens.room()
    }

    /// Takes back the last `count` tokens, all of them of the last step.
    pub(super) fn forget(&mut self, count: usize) {
        self.0.tokens.shrink(count);
    }
}

/// A token to follow `parent`, or the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    pub token: u32,
    pub parent: Option<Node>,
}

impl Decoder {
    pub fn load(models: &ModelStore, meta: &Meta) -> Result<Self, AsrError> {
        let file = "asr/decoder.onnx";
        let network = Network::read(file, models.bytes(file)?)?;
        let memory = Arc::new(Mutex::new(DecoderMemory::default()));
        let plan = network.plan(&[("S", 1)])?;
        let logits = plan.model().output_outlets().map_err(AsrError::run)?[0].node;
        let head = plan.model().node(logits).op_as::<QuantLinear>().map(QuantLinear::layer);
        let damaged = |why: &str| AsrError::Damaged { file, why: why.to_owned() };
        let head = Arc::clone(head.ok_or_else(|| damaged("its output is no vocabulary head"))?);
        if head.inputs() != meta.hidden || head.outputs() != meta.vocabulary {
            return Err(damaged("the vocabulary head does not have the size meta.json gives"));
        }
        let session = |plan| -> Result<Session, AsrError> {
            let mut session = Session::new(&plan).map_err(AsrError::run)?;
            session.share(Arc::clone(&memory));
            Ok(session)
        };
        let (single, batch) = (session(plan)?, session(network.plan(&[])?)?);
        let angles = Angles::new(meta.rope_inv_freq.clone());
        Ok(Self { single, batch, memory, head, meta: meta.clone(), angles })
    }

    /// What to decode `cross` with: an empty tree for at most `capacity` tokens.
    pub fn cache(&mut self, cross: &Cross, capacity: usize) -> Cache {
        self.angles.reach(capacity);
        let tokens = TokenTree::new(self.meta.layers, self.meta.hidden, capacity);
        Cache(DecoderMemory { tokens, sound: Arc::clone(&cross.0) })
    }

    /// Makes room in `cache` for at least `count` more tokens.
    pub(super) fn make_room(&mut self, cache: &mut Cache, count: usize) {
        cache.0.tokens.make_room(count);
        self.angles.reach(cache.0.tokens.capacity());
    }

    /// Adds `branches` to the tree in `cache`, all in one pass over the weights, and gives what
    /// follows each. A parent may be an earlier branch of the same call, see [`Node::at`].
    ///
    /// Fails, and leaves the tree as it was, where there is no room for them or a token does not
    /// exist. Panics when a parent is no token of the tree.
    pub fn step(&mut self, cache: &mut Cache, branches: &[Branch]) -> Result<Logits, AsrError> {
        self.step_coarsely(cache, branches, branches.len())
    }

    /// As [`Decoder::step`], but only the first `fine` branches in its full precision: the others
    /// take a third less time.
    pub fn step_coarsely(
        &mut self,
        cache: &mut Cache,
        branches: &[Branch],
        fine: usize,
    ) -> Result<Logits, AsrError> {
        let vocabulary = self.meta.vocabulary;
        if let Some(branch) = branches.iter().find(|branch| branch.token as usize >= vocabulary) {
            let why = format!("token {} of a vocabulary of {vocabulary}", branch.token);
            return Err(AsrError::run(why));
        }
        if branches.is_empty() || branches.len() > cache.room() {
            let (count, room) = (branches.len(), cache.room());
            return Err(AsrError::run(format!("{count} tokens for a cache with room for {room}")));
        }
        cache.0.tokens.grow(branches.iter().map(|branch| branch.parent));
        let logits = self.run(cache, branches, fine);
        if logits.is_err() {
            cache.0.tokens.shrink(branches.len());
        }
        logits.map_err(AsrError::run)
    }

    /// Runs the rows by which the tree has just grown.
    fn run(&mut self, cache: &mut Cache, branches: &[Branch], fine: usize) -> TractResult<Logits> {
        let Self { single, batch, memory, head, meta, angles } = self;
        let session = if branches.len() == 1 { single } else { batch };
        session.set_fine_rows(fine)?;
        let (rows, hidden) = (branches.len(), meta.hidden);
        let x = session.input(&[1, rows, hidden], |x| {
            for (x, branch) in x.chunks_exact_mut(hidden).zip(branches) {
                let embedding = head.column(branch.token as usize).expect("tokens were checked");
                x.iter_mut().zip(embedding).for_each(|(x, value)| *x = value);
            }
        })?;
        let table = [rows, angles.pairs()];
        let tokens = &cache.0.tokens;
        let cos = session.input(&table, |to| angles.cos(tokens.grown_depths(), to))?;
        let sin = session.input(&table, |to| angles.sin(tokens.grown_depths(), to))?;
        // A poisoned memory held what a panicking run left there; what comes back is ours.
        let swap = |cache: &mut Cache| {
            let mut shared = memory.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *shared, &mut cache.0);
        };
        let first = tokens.len() - rows;
        swap(cache);
        memory.clear_poison();
        let outputs = session.run(tvec!(x, cos, sin));
        swap(cache);
        let mut outputs = outputs?;
        Ok(Logits { values: outputs.remove(0), first })
    }
}

/// Scores of every token of the vocabulary, before softmax, behind each branch of a step.
pub struct Logits {
    values: TValue,
    /// Tokens in the tree before the first branch.
    first: usize,
}

impl Logits {
    /// What follows the branches, in their order.
    pub fn rows(&self) -> Result<impl ExactSizeIterator<Item = &[f32]>, AsrError> {
        let vocabulary = self.values.shape()[2];
        let values = self.values.try_as_plain_ram().and_then(|view| view.as_slice::<f32>());
        Ok(values.map_err(AsrError::run)?.chunks_exact(vocabulary))
    }

    /// The node of one of the branches in the tree.
    pub fn node(&self, branch: usize) -> Node {
        Node::at(self.first + branch)
    }
}
