//! Small graphs through the ONNX reader and tract's optimiser: what runs, and what is refused.

use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto, tensor_proto, tensor_shape_proto, type_proto,
};
use tract_onnx::prelude::*;

use std::sync::Mutex;

use crate::nn::Session;
use crate::nn::stream::StreamMemory;

const F32: i32 = tensor_proto::DataType::Float as i32;
const U8: i32 = tensor_proto::DataType::Uint8 as i32;

/// One operator on input `x` f32 `[1, T, channels]`, behind whose name its other inputs follow.
struct Graph {
    channels: i64,
    node: NodeProto,
    constants: Vec<TensorProto>,
}

impl Graph {
    fn new(op: &str, channels: i64) -> Self {
        let node = NodeProto {
            op_type: op.into(),
            domain: "ai.mynah".into(),
            input: vec!["x".into()],
            output: vec!["y".into()],
            ..Default::default()
        };
        Self { channels, node, constants: Vec::new() }
    }

    fn constant(mut self, data_type: i32, dims: &[i64], raw_data: Vec<u8>) -> Self {
        let name = format!("c{}", self.constants.len());
        self.node.input.push(name.clone());
        let dims = dims.to_vec();
        let tensor = TensorProto { name, dims, data_type, raw_data, ..Default::default() };
        self.constants.push(tensor);
        self
    }

    fn floats(self, dims: &[i64], values: &[f32]) -> Self {
        self.constant(F32, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn bytes(self, dims: &[i64], values: &[u8]) -> Self {
        self.constant(U8, dims, values.to_vec())
    }

    /// `x` once more, as another input.
    fn again(mut self) -> Self {
        self.node.input.push("x".into());
        self
    }

    fn text(mut self, name: &str, value: &str) -> Self {
        self.node.attribute.push(AttributeProto {
            name: name.into(),
            r#type: attribute_proto::AttributeType::String as i32,
            s: value.as_bytes().to_vec(),
            ..Default::default()
        });
        self
    }

    fn number(mut self, name: &str, i: i64) -> Self {
        let r#type = attribute_proto::AttributeType::Int as i32;
        self.node.attribute.push(AttributeProto {
            name: name.into(),
            r#type,
            i,
            ..Default::default()
        });
        self
    }

    fn plan(self) -> TractResult<Arc<TypedRunnableModel>> {
        self.plan_of(&["y"])
    }

    /// A plan that gives these outputs.
    fn plan_of(self, outputs: &[&str]) -> TractResult<Arc<TypedRunnableModel>> {
        use tensor_shape_proto::{Dimension, dimension::Value};
        let dim = |value| Dimension { value: Some(value), ..Default::default() };
        let dims = vec![
            dim(Value::DimValue(1)),
            dim(Value::DimParam("T".into())),
            dim(Value::DimValue(self.channels)),
        ];
        let tensor =
            type_proto::Tensor { elem_type: F32, shape: Some(TensorShapeProto { dim: dims }) };
        let value = Some(type_proto::Value::TensorType(tensor));
        let x = ValueInfoProto {
            name: "x".into(),
            r#type: Some(TypeProto { value, ..Default::default() }),
            ..Default::default()
        };
        let output = |name: &&str| ValueInfoProto { name: (*name).into(), ..Default::default() };
        let graph = GraphProto {
            node: vec![self.node],
            initializer: self.constants,
            input: vec![x],
            output: outputs.iter().map(output).collect(),
            ..Default::default()
        };
        let model = ModelProto { graph: Some(graph), ..Default::default() };
        let mut onnx = tract_onnx::onnx();
        super::register(&mut onnx.op_register);
        onnx.model_for_proto_model(&model)?.into_optimized()?.into_runnable()
    }

    /// Runs on `x`, whose time follows from its length.
    fn run(self, x: &[f32]) -> TractResult<Vec<f32>> {
        let channels = self.channels as usize;
        let x = Tensor::from_shape(&[1, x.len() / channels, channels], x)?;
        let y = self.plan()?.run(tvec!(x.into()))?.remove(0);
        Ok(y.try_as_plain_ram()?.as_slice()?.to_vec())
    }

    fn refused(self, why: &str) {
        let error = format!("{:?}", self.plan().expect_err("a graph that cannot be run"));
        assert!(error.contains(why), "{error}");
    }
}

/// Two inputs, three outputs: the sum, the difference, and nothing but the bias.
fn linear() -> Graph {
    Graph::new("QuantLinear", 2)
        .bytes(&[2, 3], &[11, 11, 10, 11, 9, 10])
        .floats(&[], &[1.0])
        .bytes(&[], &[10])
        .floats(&[3], &[0.0, 0.0, 5.0])
}

fn close(got: TractResult<Vec<f32>>, want: &[f32]) {
    let got = got.unwrap();
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.02), "{got:?} {want:?}");
}

#[test]
fn a_quantised_layer_runs_on_any_number_of_steps() {
    close(linear().run(&[1.0, 0.5]), &[1.5, 0.5, 5.0]);
    close(linear().run(&[1.0, 0.5, -2.0, 1.0]), &[1.5, 0.5, 5.0, -1.0, -3.0, 5.0]);
    close(linear().text("activation", "tanh").run(&[1.0, 0.5]), &[0.905, 0.462, 1.0]);
}

#[test]
fn a_residual_is_added() {
    let layer = Graph::new("QuantLinear", 1).bytes(&[1, 1], &[12]).floats(&[], &[1.0]);
    close(layer.bytes(&[], &[10]).floats(&[1], &[0.5]).again().run(&[1.0, 3.0]), &[3.5, 9.5]);
}

#[test]
fn a_convolution_steps_over_time() {
    // Two steps of one channel: the difference of neighbours, every second one.
    let kernel = Graph::new("QuantConv", 1).bytes(&[2, 1], &[9, 11]).floats(&[], &[1.0]);
    let kernel = kernel.bytes(&[], &[10]).floats(&[1], &[0.0]).number("stride", 2);
    close(kernel.run(&[1.0, 3.0, 7.0, 4.0, 9.0]), &[2.0, -3.0]);
    let kernel = || Graph::new("TimeConv", 1).floats(&[2, 1], &[-1.0, 1.0]).floats(&[1], &[0.0]);
    close(kernel().number("stride", 2).run(&[1.0, 3.0, 7.0, 4.0, 9.0]), &[2.0, -3.0]);
    let padded = kernel().number("pad", 1).text("activation", "relu");
    close(padded.run(&[1.0, 3.0, 2.0]), &[1.0, 2.0, 0.0, 0.0]);
}

#[test]
fn channels_are_convolved_apart() {
    // The first channel adds its neighbours, the second gives the one before.
    let kernel = || Graph::new("DepthConv", 2).floats(&[3, 2], &[1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    let kernel = || kernel().floats(&[2], &[0.0, 0.5]);
    close(kernel().run(&[1.0, 5.0, 2.0, 6.0, 3.0, 7.0]), &[4.0, 5.5]);
    let padded = kernel().number("pad", 1);
    close(padded.run(&[1.0, 5.0, 2.0, 6.0, 3.0, 7.0]), &[2.0, 0.5, 4.0, 5.5, 2.0, 6.5]);
    let wide = kernel().number("pad", 2).number("dilation", 2);
    close(wide.run(&[1.0, 5.0, 2.0, 6.0, 3.0, 7.0]), &[3.0, 0.5, 0.0, 0.5, 1.0, 5.5]);
}

#[test]
fn a_stream_in_pieces_is_convolved_as_a_whole() {
    let mut kernel = Graph::new("DepthStream", 1).floats(&[3, 1], &[1.0, 10.0, 100.0]);
    kernel.node.output.push("middle".into());
    let plan = kernel.floats(&[1], &[0.0]).plan_of(&["y", "middle"]).unwrap();
    let run = |pieces: &[&[f32]]| {
        let memory = Arc::new(Mutex::new(StreamMemory::new(1)));
        let mut session = Session::new(&plan).unwrap();
        session.share(Arc::clone(&memory));
        let (mut given, mut middles) = (Vec::new(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            if index + 1 == pieces.len() {
                memory.lock().unwrap().end();
            }
            let input = session.input(&[1, piece.len(), 1], |x| x.copy_from_slice(piece)).unwrap();
            let outputs = session.run(tvec!(input)).unwrap();
            for (to, output) in [&mut given, &mut middles].into_iter().zip(&outputs) {
                to.extend_from_slice(super::floats(output).unwrap());
            }
        }
        (given, middles)
    };
    let whole = (vec![210.0, 321.0, 432.0, 43.0], vec![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(run(&[&[1.0, 2.0, 3.0, 4.0]]), whole);
    assert_eq!(run(&[&[1.0, 2.0], &[3.0, 4.0]]), whole);
    assert_eq!(run(&[&[1.0], &[2.0, 3.0, 4.0], &[]]), whole);
    let alone = Session::new(&plan).unwrap().run(tvec!(tensor3(&[[[1.0f32]]]).into()));
    assert!(format!("{:?}", alone.unwrap_err()).contains("no stream memory"));
}

#[test]
fn a_memory_cell_forgets_and_learns() {
    // Large biases open the gates for input and output, and shut the one that keeps.
    let cell = Graph::new("LstmCell", 2).again();
    let weight = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]].concat();
    let bias = [30.0, -30.0, 0.0, 30.0];
    let cell = cell.floats(&[3, 4], &[&weight[..], &[0.0; 4]].concat()).floats(&[4], &bias);
    // Channels and state are the same two numbers here: x = (-7, 0.5), cell state 0.5.
    let learnt = 0.5f32.tanh();
    close(cell.run(&[-7.0, 0.5]), &[learnt.tanh(), learnt]);
}

#[test]
fn norms_and_gates_keep_to_their_definitions() {
    close(Graph::new("LayerNorm", 2).floats(&[2], &[1.0, 2.0]).run(&[3.0, 1.0]), &[1.0, -2.0]);
    let norm = Graph::new("ClipNorm", 1).floats(&[1], &[2.0]).floats(&[1], &[0.5]);
    close(norm.run(&[1.0, 3.0]), &[-1.5, 2.5]);
    close(Graph::new("SwiGlu", 2).run(&[3.0, 0.0, 2.0, 1.0]), &[0.0, 1.462]);
    close(Graph::new("Magnitude", 2).run(&[3.0, 4.0, 0.0, -2.0]), &[5.0, 2.0]);
    let sigmoid = Graph::new("Activate", 1).text("activation", "sigmoid");
    close(sigmoid.run(&[0.0, 9.0]), &[0.5, 1.0]);
}

#[test]
fn attention_to_itself_mixes_the_steps() {
    // A large key takes all the attention.
    close(Graph::new("FullAttention", 1).again().again().run(&[9.0, 1.0]), &[9.0, 9.0]);
}

#[test]
fn a_wrong_graph_is_refused_when_it_is_loaded() {
    linear().text("activation", "step").refused("activation `step` is not one of none, gelu");
    linear().again().refused("residual has another shape");
    let conv = Graph::new("QuantConv", 2).bytes(&[3, 1], &[1, 2, 3]).floats(&[], &[1.0]);
    conv.bytes(&[], &[0]).floats(&[1], &[0.0]).refused("3 inputs are no whole steps of 2 channels");
    let conv = Graph::new("TimeConv", 2).floats(&[3, 1], &[0.0; 3]).floats(&[1], &[0.0]);
    conv.refused("3 inputs are no whole steps of 2 channels");
    let wide = Graph::new("QuantLinear", 20_000).bytes(&[20_000, 1], &[0; 20_000]);
    wide.floats(&[], &[1.0]).bytes(&[], &[0]).floats(&[1], &[0.0]).refused("at most 16384");
    Graph::new("QuantLinear", 2).again().refused("must be constant");
    Graph::new("QuantLinear", 2).refused("missing");
    Graph { channels: 3, ..linear() }.refused("3 channels for 2");
    Graph::new("LayerNorm", 3).floats(&[2], &[1.0, 1.0]).refused("3 channels, 2 gains");
    Graph::new("SwiGlu", 3).refused("no two halves");
    let heads = Graph::new("FullAttention", 3).again().again().number("heads", 2);
    heads.refused("2 heads in 3 channels");
    let depth = |channels| Graph::new("DepthConv", channels).floats(&[2, 3], &[0.0; 6]);
    depth(3).floats(&[2], &[0.0; 2]).refused("does not fit 2 channels");
    depth(2).floats(&[3], &[0.0; 3]).refused("2 channels for 3");
    let still = depth(3).floats(&[3], &[0.0; 3]).number("dilation", 0);
    still.refused("positive");
    let stream = Graph::new("DepthStream", 1).floats(&[2, 1], &[0.0; 2]).floats(&[1], &[0.0]);
    stream.refused("2 taps have no middle");
    let cell = Graph::new("LstmCell", 2).again().floats(&[3, 4], &[0.0; 12]);
    cell.floats(&[3], &[0.0; 3]).refused("does not fit a bias of 3");
    Graph::new("FullAttention", 3).again().again().number("heads", 0).refused("positive");
}
