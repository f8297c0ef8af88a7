//! Small networks that look at a stream step by step, in 8-bit integers.
//!
//! A row of layers, each of which sees the last few steps of what the one before it gives: full ones
//! weigh all channels of all these steps, channelwise ones each channel by itself. Sums are exact;
//! only what brings a sum to the next layer's scale rounds, as in TensorFlow Lite, whose arithmetic
//! this is (Jacob et al. 2018, "Quantization and Training of
//! Neural Networks for Efficient Integer-Arithmetic-Only Inference"). A run allocates nothing.

use std::sync::Arc;

use serde::Deserialize;

use super::NnError;

/// Which weights a layer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// `[to, steps, from]`.
    Full,
    /// `[steps, from]`, and `to` is `from`.
    Channelwise,
}

/// A layer as its file describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LayerShape {
    pub kind: LayerKind,
    /// How many steps it looks at, the newest included.
    pub steps: usize,
    /// Channels of its input, and of what it gives.
    pub from: usize,
    pub to: usize,
    /// What stands for 0 in its input, and in what it gives.
    pub zero_in: i8,
    pub zero_out: i8,
    /// It gives nothing below this: a rectifier's `zero_out`, or the least byte.
    pub least: i8,
}

struct Layer {
    shape: LayerShape,
    /// Bytes as 16-bit numbers, of which processors multiply and add pairs.
    weights: Box<[i16]>,
    /// With the zero point of the input taken into account.
    bias: Box<[i32]>,
    /// What brings a sum to the scale of the output: a factor in 2⁻³¹, and how often to halve.
    factor: Box<[i32]>,
    halvings: Box<[i32]>,
}

/// Weights; immutable and shared.
pub struct StreamingNetwork {
    layers: Vec<Layer>,
    new_steps: usize,
}

/// More than any layer holds, so that a damaged file cannot ask for all memory.
const MOST: usize = 1 << 16;

impl StreamingNetwork {
    /// A network that takes `new_steps` steps a run, from the layers' weights one after the other:
    /// weights (`i8`), biases, factors of the output and halvings (`i32` each), little-endian.
    pub fn new(
        model: &str,
        new_steps: usize,
        shapes: &[LayerShape],
        bytes: &[u8],
    ) -> Result<Arc<Self>, NnError> {
        let unusable = |why: String| NnError::Unusable { model: model.to_owned(), why };
        let mut rest = bytes;
        let mut layers: Vec<Layer> = Vec::new();
        for (index, shape) in shapes.iter().enumerate() {
            let LayerShape { kind, steps, from, to, .. } = *shape;
            let fits = match layers.last() {
                None => steps >= new_steps && new_steps > 0,
                Some(before) => before.shape.to == from && steps > 0,
            };
            let sizes = [steps, from, to].iter().all(|size| (1..=MOST).contains(size));
            if !fits || !sizes || (kind == LayerKind::Channelwise && from != to) {
                return Err(unusable(format!("layer {index} does not fit the one before it")));
            }
            let outputs = if kind == LayerKind::Full { to } else { 1 };
            let mut take = |count: Option<usize>| {
                let part = count.and_then(|count| rest.split_at_checked(count));
                let (part, behind) =
                    part.ok_or_else(|| unusable(format!("it ends within layer {index}")))?;
                rest = behind;
                Ok::<_, NnError>(part)
            };
            let weights = take(steps.checked_mul(from).and_then(|n| n.checked_mul(outputs)))?;
            let weights = weights.iter().map(|&byte| i16::from(byte as i8)).collect();
            let mut numbers = || {
                let bytes = take(Some(4 * to))?;
                Ok::<_, NnError>(
                    bytes.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect(),
                )
            };
            let (bias, factor, halvings): (_, _, Box<[i32]>) = (numbers()?, numbers()?, numbers()?);
            if !halvings.iter().all(|halvings| (0..=31).contains(halvings)) {
                return Err(unusable(format!("a scale of layer {index} is out of bounds")));
            }
            layers.push(Layer { shape: *shape, weights, bias, factor, halvings });
        }
        match layers.last() {
            _ if !rest.is_empty() => Err(unusable(format!("{} bytes are left over", rest.len()))),
            Some(last) if last.shape.to == 1 => Ok(Arc::new(Self { layers, new_steps })),
            _ => Err(unusable("its last layer must have one unit".into())),
        }
    }

    /// Values per run: steps times channels.
    pub fn input_len(&self) -> usize {
        self.new_steps * self.layers[0].shape.from
    }

    /// What stands for 0 in what it gives.
    pub fn zero_out(&self) -> i8 {
        self.layers[self.layers.len() - 1].shape.zero_out
    }
}

/// One stream through a network.
pub struct Streaming {
    network: Arc<StreamingNetwork>,
    /// What each layer sees, oldest step first.
    seen: Vec<Box<[i16]>>,
    /// What a layer has just given.
    given: Vec<i16>,
    sums: Vec<i32>,
}

impl Streaming {
    /// A stream before which every value was 0.
    pub fn new(network: Arc<StreamingNetwork>) -> Self {
        let blank = |layer: &Layer| {
            let LayerShape { steps, from, zero_in, .. } = layer.shape;
            vec![i16::from(zero_in); steps * from].into_boxed_slice()
        };
        let seen = network.layers.iter().map(blank).collect();
        let widest = network.layers.iter().map(|layer| layer.shape.to).max().unwrap_or(0);
        Self {
            seen,
            given: vec![0; widest.max(network.input_len())],
            sums: vec![0; widest],
            network,
        }
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        for (seen, layer) in self.seen.iter_mut().zip(&self.network.layers) {
            seen.fill(layer.shape.zero_in.into());
        }
    }

    /// Takes the steps of one run, [`StreamingNetwork::input_len`] values, oldest first; returns
    /// what the last unit gives.
    pub fn push(&mut self, input: &[i8]) -> i8 {
        assert_eq!(input.len(), self.network.input_len(), "steps of one run");
        for (given, &value) in self.given.iter_mut().zip(input) {
            *given = value.into();
        }
        let mut new = input.len();
        for (layer, seen) in self.network.layers.iter().zip(&mut self.seen) {
            seen.copy_within(new.., 0);
            let at = seen.len() - new;
            seen[at..].copy_from_slice(&self.given[..new]);
            new = layer.shape.to;
            let sums = &mut self.sums[..new];
            layer.sum(seen, sums);
            layer.scale(sums, &mut self.given[..new]);
        }
        self.given[0] as i8
    }
}

impl Layer {
    fn sum(&self, seen: &[i16], sums: &mut [i32]) {
        sums.copy_from_slice(&self.bias);
        match self.shape.kind {
            LayerKind::Full => {
                for (sum, row) in sums.iter_mut().zip(self.weights.chunks_exact(seen.len())) {
                    let products = row.iter().zip(seen).map(|(w, x)| i32::from(*w) * i32::from(*x));
                    *sum += products.sum::<i32>();
                }
            }
            LayerKind::Channelwise => {
                let from = self.shape.from;
                for (row, seen) in self.weights.chunks_exact(from).zip(seen.chunks_exact(from)) {
                    for ((sum, w), x) in sums.iter_mut().zip(row).zip(seen) {
                        *sum += i32::from(*w) * i32::from(*x);
                    }
                }
            }
        }
    }

    fn scale(&self, sums: &[i32], given: &mut [i16]) {
        let zero = i32::from(self.shape.zero_out);
        let least = i32::from(self.shape.least);
        let scales = self.factor.iter().zip(&self.halvings);
        for ((given, sum), (factor, halvings)) in given.iter_mut().zip(sums).zip(scales) {
            let value = scaled(*sum, *factor, *halvings).saturating_add(zero);
            *given = value.clamp(least, i32::from(i8::MAX)) as i16;
        }
    }
}

/// `sum` · `factor` · 2⁻³¹ · 2^-`halvings`, rounded twice and up at halves, as the vector code of
/// TensorFlow Lite does. (Its plain code, which computes the channels that fill no vector, rounds
/// halves away from zero.)
fn scaled(sum: i32, factor: i32, halvings: i32) -> i32 {
    let halved =
        |x: i64, times: i32| if times == 0 { x } else { (x + (1 << (times - 1))) >> times };
    let product = i64::from(sum) * i64::from(factor);
    halved(halved(product, 31), halvings) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: LayerKind, steps: usize, from: usize, to: usize) -> LayerShape {
        LayerShape { kind, steps, from, to, zero_in: 0, zero_out: 0, least: -128 }
    }

    /// Layers that scale by 2^-`halvings` each.
    fn file(layers: &[(&[i8], &[i32], i32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (weights, bias, halvings) in layers {
            bytes.extend(weights.iter().map(|w| *w as u8));
            let factors = bias.iter().map(|_| i32::MAX);
            let numbers = bias.iter().copied().chain(factors).chain(bias.iter().map(|_| *halvings));
            bytes.extend(numbers.flat_map(i32::to_le_bytes));
        }
        bytes
    }

    #[test]
    fn each_layer_sees_its_own_past() {
        // Every channel less what it was a step ago; then both added up over two steps.
        let shapes = [shape(LayerKind::Channelwise, 2, 2, 2), shape(LayerKind::Full, 2, 2, 1)];
        let bytes = file(&[(&[-1, -1, 1, 1], &[0, 1], 0), (&[1, 1, 1, 1], &[0], 1)]);
        let network = StreamingNetwork::new("test", 1, &shapes, &bytes).unwrap();
        let mut stream = Streaming::new(network);
        for (input, expected) in [([3, 4], 4), ([5, 5], 6), ([5, 5], 3), ([0, 0], -4)] {
            assert_eq!(stream.push(&input), expected, "{input:?}");
        }
        stream.restart();
        assert_eq!(stream.push(&[3, 4]), 4);
    }

    #[test]
    fn what_it_gives_stays_within_its_bounds() {
        let one = [LayerShape { least: 3, zero_out: 3, ..shape(LayerKind::Full, 1, 1, 1) }];
        let bytes = file(&[(&[100], &[0], 0)]);
        let mut stream = Streaming::new(StreamingNetwork::new("test", 1, &one, &bytes).unwrap());
        for (input, expected) in [(1, 103), (2, 127), (-1, 3), (0, 3)] {
            assert_eq!(stream.push(&[input]), expected);
        }
    }

    #[test]
    fn halves_are_rounded_up() {
        for (sum, factor, halvings, expected) in [
            (1, i32::MAX, 1, 1),
            (-1, i32::MAX, 1, 0),
            (3, i32::MAX, 1, 2),
            (5, i32::MAX, 2, 1),
            (-6, i32::MAX, 2, -1),
            (1, 1 << 30, 0, 1),
            (-1, 1 << 30, 0, 0),
            (i32::MAX, i32::MAX, 31, 1),
            (i32::MIN, i32::MAX, 31, -1),
        ] {
            assert_eq!(scaled(sum, factor, halvings), expected, "{sum} {factor} {halvings}");
        }
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let full = [shape(LayerKind::Full, 1, 2, 1)];
        let bytes = file(&[(&[1, 2], &[0], 0)]);
        let refused = |new, shapes: &[LayerShape], bytes: &[u8]| {
            StreamingNetwork::new("test", new, shapes, bytes).map(|_| ()).unwrap_err().to_string()
        };
        for (why, error) in [
            ("ends within layer 0", refused(1, &full, &bytes[1..])),
            ("1 bytes are left over", refused(1, &full, &[&bytes[..], &[0]].concat())),
            ("one unit", refused(1, &[], &[])),
            ("layer 0 does not fit", refused(2, &full, &bytes)),
            (
                "layer 1 does not fit",
                refused(1, &[full[0], full[0]], &[&bytes[..], &bytes].concat()),
            ),
            ("out of bounds", refused(1, &full, &file(&[(&[1, 2], &[0], 32)]))),
        ] {
            assert!(error.contains(why), "{error}");
        }
    }
}
