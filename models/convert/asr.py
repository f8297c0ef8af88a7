"""Moonshine tiny English: two clean graphs out of the package's two `.ort` files.

The shipped graphs carry attention masks, a branch on "is there a cache" and contrib operators. Only
their weights are taken; the network is written down again below, once, by `encoder` and `decoder`,
over a small set of operators. `Ours` spells these as the operators of domain `ai.mynah` that the
program implements (u8 weights stay u8); `asr_golden.Plain` spells them in standard ONNX over the
dequantised weights, which is the reference onnxruntime runs for the golden files.

Three liberties, none of which changes a number beyond rounding:
- sound lies time-major everywhere ([1, time, channels]), so a convolution is a linear layer over
  overlapping rows and heads are never transposed;
- columns of the self-attention's q and k are reordered so that rotary pairs (2i, 2i+1) stand half a
  rotation apart (i, i+16); dot products do not see a common order;
- what the decoder attends to is no input of our graph: the program shares it with the operators, so
  that a step copies nothing.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import ort

DOMAIN = "ai.mynah"
FORMAT = 2
ASSETS = Path("moonshine_voice/assets")

LAYERS = 6
HEADS, HEAD_DIM = 8, 36
HIDDEN = HEADS * HEAD_DIM
ROTARY = 32  # of each head's 36 channels
EPSILON = 1e-5
BOS, EOS = 1, 2

# Kernel and stride of the three convolutions: T tokens need 384 T + 511 samples, exactly.
KERNELS, STRIDES = (127, 7, 3), (64, 3, 2)
HOP, OVERHANG = 384, 511


@dataclass
class Quantised:
    """A weight [inputs, outputs] as bytes: value = (byte - zero) * scale."""

    bytes: np.ndarray
    scale: np.ndarray
    zero: np.ndarray
    bias: np.ndarray

    def dequantised(self):
        return (self.bytes.astype(np.float32) - np.float32(self.zero)) * np.float32(self.scale)


class Weights:
    """The weights of one `.ort` file, under the names of the network's own modules."""

    def __init__(self, path):
        model = ort.read(path)
        self.tensors, self.linear, self.gain = model.tensors, {}, {}
        for node in model.nodes:
            self._take(node)

    def _take(self, node):
        module = node.outputs[0].strip("/").removeprefix("model/decoder/")
        module = re.sub(r"/(MatMul|Add|LayerNormalization)_output_0$", "", module).replace("/", ".")
        if node.op in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul"):
            with_input_scale = node.op == "MatMulIntegerToFloat"
            weight, scale, zero, bias = (1, 3, 5, 6) if with_input_scale else (1, 2, 3, 4)
            columns = self.tensors[node.inputs[weight]].shape[1]
            named = node.inputs[bias] if len(node.inputs) > bias else ""
            self.linear[module] = Quantised(
                self.tensors[node.inputs[weight]],
                self.tensors[node.inputs[scale]],
                self.tensors[node.inputs[zero]],
                self.tensors[named] if named else np.zeros(columns, np.float32),
            )
        elif node.op in ("LayerNormalization", "SkipLayerNormalization"):
            gain, shift = node.inputs[-2:]
            assert not self.tensors[shift].any(), f"{module}: a shift was not expected"
            self.gain[module] = self.tensors[gain]

    def convolution(self, index):
        """Kernel [kernel * inputs, outputs] of one of the three, back in the 8 bits it came from.

        onnxruntime stored them as floats, yet each holds at most 256 evenly spaced values.
        """
        name = f"conv{index + 1}"
        kernel = self.tensors[f"{name}.weight_add_tensor"]
        rows = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])
        scale, zero = _grid(rows)
        codes = np.round(rows / scale + zero)
        assert codes.min() >= 0 and codes.max() <= 255, f"{name}: not an 8-bit grid"
        bias = self.tensors.get(f"{name}.bias", np.zeros(rows.shape[1], np.float32))
        taken = Quantised(codes.astype(np.uint8), scale, zero, bias)
        assert np.abs(taken.dequantised() - rows).max() < 1e-6 * np.abs(rows).max(), name
        return taken


def _grid(values):
    """Step and zero point of evenly spaced values that include 0."""
    levels = np.unique(values)
    steps = np.diff(levels).astype(np.float64)
    # The smallest gap is one step up to rounding; counting all gaps in it refines the estimate.
    step = (levels[-1] - levels[0]) / np.round(steps / steps.min()).sum()
    return np.float32(step), np.uint8(np.round(-levels[0] / step))


def rotary_order():
    """Column order that turns rotary pairs (2i, 2i+1) into (i, i + 16), within each head."""
    head = [*range(0, ROTARY, 2), *range(1, ROTARY, 2), *range(ROTARY, HEAD_DIM)]
    return np.concatenate([np.array(head) + h * HEAD_DIM for h in range(HEADS)])


class Net:
    """A graph under construction. Operators take and give names of values [1, time, channels]."""

    opsets = [("", 20)]

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def constant(self, array, name=None):
        array = np.ascontiguousarray(array)
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def op(self, kind, inputs, domain="", out=None, **attributes):
        self.count += 1
        out = out or f"{kind}_{self.count}"
        self.nodes.append(
            helper.make_node(kind, inputs, [out], name=out, domain=domain, **attributes)
        )
        return out

    def add(self, a, b):
        return self.op("Add", [a, b])

    def fine_linear(self, *args, **kwargs):
        """`linear`, where more exact inputs cost little."""
        return self.linear(*args, **kwargs)

    def model(self, inputs, outputs):
        graph = helper.make_graph(
            self.nodes,
            "moonshine",
            [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
            [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs],
            list(self.constants.values()),
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


class Ours(Net):
    """Spelled in the operators of `src/nn/ops`."""

    opsets = [*Net.opsets, (DOMAIN, 1)]

    def own(self, kind, inputs, out=None, **attributes):
        return self.op(kind, inputs, domain=DOMAIN, out=out, **attributes)

    def _weight(self, name, weight):
        parts = (weight.bytes, weight.scale, weight.zero, weight.bias)
        names = ("weight", "scale", "zero", "bias")
        return [self.constant(part, f"{name}.{tail}") for part, tail in zip(parts, names)]

    def linear(self, x, name, weight, activation="none", residual=None, out=None, bits=8):
        inputs = [x, *self._weight(name, weight), *([residual] if residual else [])]
        attributes = {"activation": activation} | ({"input_bits": bits} if bits != 8 else {})
        return self.own("QuantLinear", inputs, out=out, **attributes)

    def fine_linear(self, *args, **kwargs):
        # A step of the decoder waits for its weights to be read, and twice the products hide behind
        # that. What is heard comes nearer to onnxruntime on the original graphs: of 561 recordings
        # 44 differ, with 8 bits of input 53. The head, half of all weights, would make a step for
        # six hypotheses slower by another tenth, and no words better.
        return self.linear(*args, bits=16, **kwargs)

    def convolution(self, x, name, weight, stride, activation):
        inputs = [x, *self._weight(name, weight)]
        # 8 bits of input would cost words: 0.2 to 0.5 points in clean and noisy orders.
        attributes = {"stride": stride, "activation": activation, "input_bits": 16}
        return self.own("QuantConv", inputs, **attributes)

    def float_convolution(self, x, name, weight, stride, activation):
        kernel = self.constant(weight.dequantised(), f"{name}.weight")
        inputs = [x, kernel, self.constant(weight.bias, f"{name}.bias")]
        return self.own("TimeConv", inputs, stride=stride, activation=activation)

    def clip_norm(self, x, gain, shift):
        return self.own("ClipNorm", [x, self.constant(gain), self.constant(shift)])

    def layer_norm(self, x, gain):
        return self.own("LayerNorm", [x, self.constant(gain)])

    def rotate(self, x):
        return self.own("Rope", [x, "cos", "sin"], heads=HEADS)

    def attention(self, q, k, v):
        return self.own("FullAttention", [q, k, v], heads=HEADS)

    def token_attention(self, q, k, v, layer):
        return self.own("TokenAttention", [q, k, v], heads=HEADS, layer=layer)

    def sound_attention(self, q, layer):
        return self.own("SoundAttention", [q], heads=HEADS, layer=layer)

    def decoder_memory(self):
        """Inputs and outputs for what the decoder attends to: none."""
        return [], []

    def swiglu(self, x):
        return self.own("SwiGlu", [x])


def projection(weights, module, rotary=False):
    weight = weights.linear[module]
    if not rotary:
        return weight
    order = rotary_order()
    return Quantised(weight.bytes[:, order], weight.scale, weight.zero, weight.bias[order])


def self_attention(net, linear, h, weights, layer, attend):
    """`attend(q, k, v)` behind its three projections."""
    at = f"layers.{layer}.self_attn"
    q = net.rotate(linear(h, f"{at}.q", projection(weights, f"{at}.q_proj", rotary=True)))
    k = net.rotate(linear(h, f"{at}.k", projection(weights, f"{at}.k_proj", rotary=True)))
    v = linear(h, f"{at}.v", projection(weights, f"{at}.v_proj"))
    return attend(q, k, v)


def encoder(net, weights, decoder_weights):
    """audio [1, 384 T + 511, 1], cos, sin [T, 16] -> cross_{k,v}_{layer} [1, T, 288]"""
    x = "audio"
    for index, activation in enumerate(("tanh", "gelu", "gelu")):
        kernel = weights.convolution(index)
        # The first sees raw sound, whose quiet parts 8 bits would lose.
        convolve = net.convolution if index else net.float_convolution
        x = convolve(x, f"conv{index + 1}", kernel, STRIDES[index], activation)
        if index == 0:
            gain, shift = (weights.tensors[f"onnx::{name}"] for name in ("Mul_2080", "Add_2081"))
            x = net.clip_norm(x, gain.reshape(-1), shift.reshape(-1))
    for layer in range(LAYERS):
        at = f"layers.{layer}"
        h = net.layer_norm(x, weights.gain[f"{at}.input_layernorm"])
        h = self_attention(net, net.linear, h, weights, layer, net.attention)
        x = net.linear(h, f"{at}.o", weights.linear[f"{at}.self_attn.o_proj"], residual=x)
        h = net.layer_norm(x, weights.gain[f"{at}.post_attention_layernorm"])
        h = net.linear(h, f"{at}.fc1", weights.linear[f"{at}.mlp.fc1"], activation="gelu")
        x = net.linear(h, f"{at}.fc2", weights.linear[f"{at}.mlp.fc2"], residual=x)
    x = net.layer_norm(x, weights.gain["last_hidden_state"])
    for layer in range(LAYERS):
        at = f"layers.{layer}.encoder_attn"
        for part in "kv":
            weight = decoder_weights.linear[f"{at}.{part}_proj"]
            net.fine_linear(x, f"{at}.{part}", weight, out=f"cross_{part}_{layer}")
    f32, rotary = TensorProto.FLOAT, ["T", ROTARY // 2]
    inputs = [("audio", f32, [1, f"{HOP}*T+{OVERHANG}", 1])]
    inputs += [("cos", f32, rotary), ("sin", f32, rotary)]
    outputs = [(name, f32, [1, "T", HIDDEN]) for name in layer_values("cross")]
    return net.model(inputs, outputs)


def decoder(net, weights):
    """x [1, S, 288], cos, sin [S, 16] -> logits [1, S, vocabulary]"""
    x = "x"
    for layer in range(LAYERS):
        at = f"layers.{layer}"

        def attend(q, k, v):
            return net.token_attention(q, k, v, layer)

        h = net.layer_norm(x, weights.gain[f"{at}.input_layernorm"])
        h = self_attention(net, net.fine_linear, h, weights, layer, attend)
        x = net.fine_linear(h, f"{at}.o", weights.linear[f"{at}.self_attn.o_proj"], residual=x)
        h = net.layer_norm(x, weights.gain[f"{at}.post_attention_layernorm"])
        q = net.fine_linear(h, f"{at}.cross_q", weights.linear[f"{at}.encoder_attn.q_proj"])
        h = net.sound_attention(q, layer)
        x = net.fine_linear(h, f"{at}.cross_o", weights.linear[f"{at}.encoder_attn.o_proj"], residual=x)
        h = net.layer_norm(x, weights.gain[f"{at}.final_layernorm"])
        h = net.swiglu(net.fine_linear(h, f"{at}.fc1", weights.linear[f"{at}.mlp.fc1"]))
        x = net.fine_linear(h, f"{at}.fc2", weights.linear[f"{at}.mlp.fc2"], residual=x)
    head = weights.linear["logits"]
    net.linear(net.layer_norm(x, weights.gain["norm"]), "head", head, out="logits")
    f32, rotary = TensorProto.FLOAT, ["S", ROTARY // 2]
    inputs = [("x", f32, [1, "S", HIDDEN]), ("cos", f32, rotary), ("sin", f32, rotary)]
    outputs = [("logits", f32, [1, "S", head.bias.size])]
    memory_inputs, memory_outputs = net.decoder_memory()
    return net.model(inputs + memory_inputs, outputs + memory_outputs)


def layer_values(prefix):
    """Names in the order every side uses: layer by layer, key before value."""
    return [f"{prefix}_{part}_{layer}" for layer in range(LAYERS) for part in "kv"]


def load_weights(packages):
    folder = packages / ASSETS / "tiny-en"
    return Weights(folder / "encoder_model.ort"), Weights(folder / "decoder_model_merged.ort")


def convert(packages: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    from_sound, from_tokens = load_weights(packages)
    head = from_tokens.linear["logits"]
    embedding = from_tokens.tensors["model.decoder.embed_tokens.weight_merged_0_quantized"]
    # The program reads a token's embedding out of the packed head, so the bytes exist once.
    assert np.array_equal(embedding.T, head.bytes), "embedding and head differ"
    (out / "encoder.onnx").write_bytes(
        encoder(Ours(), from_sound, from_tokens).SerializeToString(deterministic=True)
    )
    (out / "decoder.onnx").write_bytes(
        decoder(Ours(), from_tokens).SerializeToString(deterministic=True)
    )
    tokenizer = (packages / ASSETS / "tiny-en/tokenizer.bin").read_bytes()
    (out / "tokenizer.bin").write_bytes(tokenizer)
    meta = {
        "format": FORMAT,
        "layers": LAYERS,
        "heads": HEADS,
        "hidden": HIDDEN,
        "vocabulary": int(head.bias.size),
        "bos": BOS,
        "eos": EOS,
        "hop_samples": HOP,
        "overhang_samples": OVERHANG,
        "rope_inv_freq": [float(f) for f in from_sound.tensors["onnx::Expand_202"].reshape(-1)],
    }
    (out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def golden(packages: Path, built: Path, golden: Path) -> None:
    import asr_golden

    asr_golden.write(packages, golden)
