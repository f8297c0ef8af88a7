//! What convolutions remember of sound or speech that comes in pieces.

/// The last inputs of every layer of a stack, between the pieces of one stream. All of them
/// together are answered as the stream in one piece would be, with zeros around it.
#[derive(Debug)]
pub struct StreamMemory {
    layers: Vec<Layer>,
    ending: bool,
}

#[derive(Debug, Default, Clone)]
struct Layer {
    begun: bool,
    /// The inputs that the windows of the last push covered.
    rows: Vec<f32>,
}

impl StreamMemory {
    /// Of a stream that has not begun, for a stack of so many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![Layer::default(); layers], ending: false }
    }

    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The next piece is the last.
    pub fn end(&mut self) {
        self.ending = true;
    }

    /// Adds `x`, rows of `width`, to the input of a layer whose windows see `reach` rows to either
    /// side. Gives the rows behind one another that its new windows cover, so `2 reach` more than
    /// there are windows; fewer where no window is complete yet.
    pub fn push(&mut self, layer: usize, x: &[f32], width: usize, reach: usize) -> &[f32] {
        let Layer { begun, rows } = &mut self.layers[layer];
        if *begun {
            let done = rows.len().saturating_sub(2 * reach * width);
            rows.drain(..done);
        } else {
            rows.resize(reach * width, 0.0);
            *begun = true;
        }
        rows.extend_from_slice(x);
        if self.ending {
            rows.resize(rows.len() + reach * width, 0.0);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The windows of one layer over a stream in pieces, one row of one number each.
    fn windows(pieces: &[&[f32]], reach: usize) -> Vec<Vec<f32>> {
        let mut memory = StreamMemory::new(1);
        let mut found = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            if index + 1 == pieces.len() {
                memory.end();
            }
            let rows = memory.push(0, piece, 1, reach);
            found.extend(rows.windows(2 * reach + 1).map(<[f32]>::to_vec));
        }
        found
    }

    #[test]
    fn windows_reach_over_cuts_and_into_zeros_at_the_ends() {
        let whole = [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]].map(|w| w.to_vec());
        assert_eq!(windows(&[&[1.0, 2.0, 3.0]], 1), whole);
        assert_eq!(windows(&[&[1.0], &[2.0, 3.0], &[]], 1), whole);
        assert_eq!(windows(&[&[]], 1), Vec::<Vec<f32>>::new());
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            len in 0usize..40, reach in 0usize..9, cuts in prop::collection::vec(0usize..9, 0..9),
        ) {
            let stream: Vec<f32> = (1..=len).map(|i| i as f32).collect();
            let (mut pieces, mut rest) = (Vec::new(), &stream[..]);
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = later;
            }
            pieces.push(rest);
            let found = windows(&pieces, reach);
            prop_assert_eq!(found.len(), len);
            prop_assert_eq!(found, windows(&[&stream], reach));
        }
    }
}
