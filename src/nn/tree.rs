//! Keys and values of everything a decoder has been told, as a tree of tokens.
//!
//! Hypotheses that begin alike share their beginning, so a search over many costs no copies: a new
//! token names the one before it, and sees the path from the root to itself.

use super::attention::Memory;

/// A token in a [`TokenTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);

impl Node {
    /// The `index`-th token ever added to a tree.
    pub fn at(index: usize) -> Node {
        Node(index as u32)
    }

    /// How many tokens were added before it.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The tree: who follows whom, and per layer one key and one value for every token.
#[derive(Debug, Clone, Default)]
pub struct TokenTree {
    width: usize,
    capacity: usize,
    /// Keys and values by layer, `width` numbers per node, in the order of the nodes.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    parents: Vec<Option<Node>>,
    /// The rows of the last [`TokenTree::grow`]: the paths to each, one behind the other.
    paths: Vec<u32>,
    /// Where each of the paths ends.
    ends: Vec<usize>,
}

impl TokenTree {
    /// An empty tree for at most `capacity` tokens, whose memory is taken now.
    pub fn new(layers: usize, width: usize, capacity: usize) -> Self {
        let rows = || Vec::with_capacity(width * capacity);
        Self {
            width,
            capacity,
            layers: (0..layers).map(|_| (rows(), rows())).collect(),
            parents: Vec::with_capacity(capacity),
            paths: Vec::with_capacity(capacity),
            ends: Vec::with_capacity(capacity),
        }
    }

    /// Tokens inside.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Most tokens that can be inside.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many more tokens fit.
    pub fn room(&self) -> usize {
        self.capacity - self.len()
    }

    /// Takes memory for at least `count` more tokens, where there is none.
    pub fn make_room(&mut self, count: usize) {
        self.capacity = self.capacity.max(self.len() + count);
        for (keys, values) in &mut self.layers {
            keys.reserve(count * self.width);
            values.reserve(count * self.width);
        }
    }

    /// Adds one token behind each parent (the root: `None`). A parent may be one of the tokens
    /// added by the same call, if it stands before its child. The new rows have no keys and values
    /// yet: [`TokenTree::set`] gives them, layer by layer.
    ///
    /// Panics when there is no [`TokenTree::room`] or a parent does not exist.
    pub fn grow(&mut self, parents: impl Iterator<Item = Option<Node>>) {
        self.paths.clear();
        self.ends.clear();
        for parent in parents {
            let node = Node::at(self.len());
            assert!(self.room() > 0, "a tree of {} tokens is full", self.capacity);
            assert!(parent < Some(node), "{parent:?} is no token of the tree");
            self.parents.push(parent);
            let start = self.paths.len();
            let mut next = Some(node);
            while let Some(node) = next {
                self.paths.push(node.0);
                next = self.parents[node.0 as usize];
            }
            self.paths[start..].reverse();
            self.ends.push(self.paths.len());
        }
        let rows = self.parents.len() * self.width;
        for (keys, values) in &mut self.layers {
            keys.resize(rows, 0.0);
            values.resize(rows, 0.0);
        }
    }

    /// Takes back the last `count` tokens, all of those just added.
    pub fn shrink(&mut self, count: usize) {
        self.parents.truncate(self.len() - count);
        self.ends.clear();
        let rows = self.parents.len() * self.width;
        for (keys, values) in &mut self.layers {
            keys.truncate(rows);
            values.truncate(rows);
        }
    }

    /// Of each token just added, how many stand on its path before it: its position.
    pub fn grown_depths(&self) -> impl Iterator<Item = usize> {
        self.grown_paths().map(|path| path.len() - 1)
    }

    /// Of each token just added, the rows of the tokens on its path, itself included.
    pub fn grown_paths(&self) -> impl Iterator<Item = &[u32]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.paths[start..*end])
    }

    /// Keys and values of the tokens just added, in one layer.
    ///
    /// Panics unless there is a row of each for every one of them.
    pub fn set(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let first = (self.len() - self.grown_count()) * self.width;
        let (all_keys, all_values) = &mut self.layers[layer];
        all_keys[first..].copy_from_slice(keys);
        all_values[first..].copy_from_slice(values);
    }

    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Numbers in a key, and in a value.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Tokens that the last [`TokenTree::grow`] added.
    pub fn grown_count(&self) -> usize {
        self.ends.len()
    }

    /// All keys and values of one layer.
    pub fn layer(&self, layer: usize) -> Memory<'_> {
        let (keys, values) = &self.layers[layer];
        Memory { keys, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(tree: &TokenTree) -> Vec<Vec<u32>> {
        tree.grown_paths().map(<[u32]>::to_vec).collect()
    }

    #[test]
    fn tokens_see_the_way_from_the_root_to_themselves() {
        let mut tree = TokenTree::new(1, 2, 8);
        tree.grow([None].into_iter());
        assert_eq!(paths(&tree), [[0]]);
        let root = Node::at(0);
        tree.grow([Some(root), Some(root), None].into_iter());
        assert_eq!(paths(&tree), [vec![0, 1], vec![0, 2], vec![3]]);
        let left = Node::at(1);
        assert_eq!(tree.grown_depths().collect::<Vec<_>>(), [1, 1, 0]);
        // The second of these follows the first, added by the same call.
        tree.grow([Some(left), Some(Node::at(4))].into_iter());
        assert_eq!(paths(&tree), [vec![0, 1, 4], vec![0, 1, 4, 5]]);
        assert_eq!((tree.len(), tree.room()), (6, 2));
    }

    #[test]
    fn keys_and_values_stand_by_token_and_layer() {
        let mut tree = TokenTree::new(2, 1, 3);
        tree.grow([None].into_iter());
        tree.set(0, &[1.0], &[2.0]);
        tree.set(1, &[3.0], &[4.0]);
        let root = Node::at(0);
        tree.grow([Some(root), Some(root)].into_iter());
        tree.set(1, &[5.0, 6.0], &[7.0, 8.0]);
        let memory = tree.layer(1);
        assert_eq!((memory.keys, memory.values), (&[3.0, 5.0, 6.0][..], &[4.0, 7.0, 8.0][..]));
        tree.shrink(2);
        assert_eq!((tree.len(), tree.layer(1).keys), (1, &[3.0][..]));
    }

    #[test]
    #[should_panic(expected = "full")]
    fn a_full_tree_takes_nothing() {
        TokenTree::new(1, 1, 1).grow([None, None].into_iter());
    }

    #[test]
    #[should_panic(expected = "no token")]
    fn a_parent_must_come_first() {
        TokenTree::new(1, 1, 2).grow([Some(Node::at(0))].into_iter());
    }
}
