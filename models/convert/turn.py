"""smart-turn v3.2, which hears whether a turn is over: the package's weights in a graph of our operators.

In:  x[1,800,80]        log-mel spectrum of the last 8 s, as Whisper's: 10 ms from row to row
Out: summary[1,2,384]   what tells whether who speaks is done: of all that was said, and of the pause

Whisper tiny's encoder on 8 s (two convolutions, four layers), and two means over time of what it makes
of them: the package's weighted one, and a plain one of the last 200 ms, which in a pause tells what the
network expects there. The three dense layers that the package makes a probability of its mean with are
left out: scripts/fit_endpoint.py fits what follows from both. Weights stay the package's 8 bits with a scale for every output; its
rounding of everything in between is dropped: our operators round each row of a layer's input by its
own range. A layer norm of ours has no shift: it is carried into the biases behind it.
"""

import json
import re
import wave
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SOURCE = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
SPEECH = "moonshine_voice/assets/beckett.wav"
DOMAIN = "ai.mynah"
LAYERS, HEADS, HIDDEN = 4, 6, 384
ROWS, BANDS = 800, 80
# The package's encoded steps, and its weighted mean of them.
ENCODED, WEIGHED = "layer_norm_8", "sum_1"
# 20 ms each: the last 200 ms are the pause that has shown.
STEPS, PAUSE_STEPS = ROWS // 2, 10
RATE_HZ, HOP, WINDOW = 16_000, 160, 400
SOUND = ROWS * HOP
# Where the recording is cut, in seconds: in the midst of sentences, in pauses and behind the end.
CUTS = [0.7, 1.6, 2.4, 3.3, 4.1, 5.0, 6.2, 7.5, 8.9, 9.8]


def convert(packages: Path, out: Path) -> None:
    """Writes OUT/smart.onnx."""
    model = build(Weights(onnx.load(packages / SOURCE).graph))
    (out / "smart.onnx").write_bytes(model.SerializeToString(deterministic=True))


def golden(packages: Path, built: Path, golden: Path) -> None:
    """Writes sounds, their spectra, and the summaries that onnxruntime makes of these with the
    package's graph: as it is, and without the rounding between its layers."""
    speech = recording(packages / SPEECH)
    noise = np.random.default_rng(7).normal(0, 0.01, 5 * RATE_HZ)
    sounds = [speech[: int(cut * RATE_HZ)] for cut in CUTS] + [noise.astype(np.float32)]
    rounded = onnx.load(packages / SOURCE)
    spectra = [log_mel(sound) for sound in sounds]
    for name, model in [("package", rounded), ("smooth", unrounded(rounded))]:
        named = [helper.make_empty_tensor_value_info(name) for name in (WEIGHED, ENCODED)]
        model.graph.output.extend(named)
        one = session(model)
        seen = [one.run([WEIGHED, ENCODED], {"input_features": s.T[None]}) for s in spectra]
        summaries = [[weighed[0], steps[0, -PAUSE_STEPS:].mean(0)] for weighed, steps in seen]
        np.stack(summaries).astype("<f4").tofile(golden / f"{name}.f32")
    lengths = [len(sound) for sound in sounds]
    np.concatenate(sounds).astype("<f4").tofile(golden / "sounds.f32")
    # Every seventh row: there are many, and they are alike.
    np.stack([spectrum[::7] for spectrum in spectra]).astype("<f4").tofile(golden / "spectra.f32")
    (golden / "lengths.json").write_text(json.dumps(lengths) + "\n")


def recording(path):
    with wave.open(str(path)) as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (RATE_HZ, 1, 2):
            raise SystemExit(f"turn: {path} is {form}, expected 16 kHz mono 16-bit")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


class Weights:
    """Constants of the package's graph."""

    def __init__(self, graph):
        self.constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        # The exporter numbered what has no name in the order of the network: query, key, value,
        # output and the two dense layers of each layer, then the two of the weighted mean.
        numbers = sorted(
            int(found[1]) for name in self.constants
            if (found := re.fullmatch(r"val_(\d+)_quantized", name))
        )
        assert len(numbers) == 6 * LAYERS + 2, "a matrix for every linear layer"
        self.numbers = iter(numbers)

    def __getitem__(self, name):
        return self.constants[f"inner.{name}"]

    def next_linear(self):
        """Codes [inputs, outputs] and scales of the next linear layer."""
        return self.codes(f"val_{next(self.numbers)}")

    def codes(self, name):
        assert not self.constants[f"{name}_zero_point"].any(), f"{name} has no offset"
        return self.constants[f"{name}_quantized"], self.constants[f"{name}_scale"]

    def bias(self, name):
        """One that the package rounded, too, as floats."""
        codes, scale = (self[f"{name}_quantized{tail}"] for tail in ("", "_scale"))
        return codes.astype(np.float32) * scale


class Net:
    """A graph under construction; values are [1, time, channels]."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind, inputs, out, domain="", **attributes):
        self.nodes.append(
            helper.make_node(kind, inputs, [out], name=out, domain=domain, **attributes)
        )
        return out

    def conv(self, x, name, weights, bias, stride):
        """`weights`: codes [outputs, channels, steps] and scales."""
        codes, scales = weights
        kernel = codes.astype(np.float32) * scales[:, None, None]
        rows = kernel.transpose(2, 1, 0).reshape(-1, len(scales))
        inputs = [x, self.constant(f"{name}.weight", rows), self.constant(f"{name}.bias", bias)]
        attributes = {"stride": stride, "pad": 1, "activation": "gelu"}
        return self.op("TimeConv", inputs, name, DOMAIN, **attributes)

    def linear(self, x, name, weights, bias, activation="none", residual=None):
        """`weights`: codes [inputs, outputs] and scales."""
        codes, scales = weights
        codes = (codes.astype(np.int16) + 128).astype(np.uint8)
        scales = np.broadcast_to(scales, codes.shape[1]).astype(np.float32)
        parts = (codes, scales, np.uint8(128), bias.astype(np.float32))
        tails = ("weight", "scale", "zero", "bias")
        inputs = [x, *(self.constant(f"{name}.{tail}", part) for tail, part in zip(tails, parts))]
        inputs += [residual] if residual else []
        return self.op("QuantLinear", inputs, name, DOMAIN, activation=activation)

    def norm(self, x, name, gain):
        return self.op("LayerNorm", [x, self.constant(f"{name}.gain", gain)], name, DOMAIN)

    def add(self, x, name, array):
        return self.op("Add", [x, self.constant(f"{name}.added", array)], name)


def build(w):
    net = Net()
    bias = [w.bias(f"encoder.conv{i}.bias") for i in (1, 2)]
    h = net.conv("x", "conv1", w.codes("inner.encoder.conv1.weight"), bias[0], 1)
    h = net.conv(h, "conv2", w.codes("inner.encoder.conv2.weight"), bias[1], 2)
    h = net.add(h, "placed", w["encoder.embed_positions.weight"][None])
    for layer in range(LAYERS):
        at = f"encoder.layers.{layer}"

        def linear(x, part, before=None, **attributes):
            """`before`: the shift that `x` lacks."""
            codes, scales = weights = w.next_linear()
            # Keys have none.
            has_bias = f"inner.{at}.{part}.bias" in w.constants
            bias = w[f"{at}.{part}.bias"] if has_bias else np.zeros_like(scales)
            if before is not None:
                bias = bias + before @ (codes.astype(np.float32) * scales)
            return net.linear(x, f"{at}.{part}", weights, bias, **attributes)

        def norm(x, part):
            name = f"{at}.{part}"
            return net.norm(x, name, w[f"{name}.weight"]), w[f"{name}.bias"]

        n, shift = norm(h, "self_attn_layer_norm")
        q, k, v = (linear(n, f"self_attn.{part}_proj", shift) for part in "qkv")
        a = net.op("FullAttention", [q, k, v], f"{at}.attention", DOMAIN, heads=HEADS)
        h = linear(a, "self_attn.out_proj", residual=h)
        n, shift = norm(h, "final_layer_norm")
        r = linear(n, "fc1", shift, activation="gelu")
        h = linear(r, "fc2", residual=h)
    h = net.norm(h, "encoder.layer_norm", w["encoder.layer_norm.weight"])
    h = net.add(h, "encoded", w["encoder.layer_norm.bias"])
    # How much each step counts, then their mean.
    s = net.linear(h, "pool.0", w.next_linear(), w["pool_attention.0.bias"], "tanh")
    s = net.linear(s, "pool.2", w.next_linear(), w["pool_attention.2.bias"])
    s = net.op("Softmax", [s], "pool.weights", axis=1)
    s = net.op("Transpose", [s], "pool.row", perm=[0, 2, 1])
    last = np.zeros((1, 1, STEPS), np.float32)
    last[..., -PAUSE_STEPS:] = 1 / PAUSE_STEPS
    s = net.op("Concat", [s, net.constant("pause.row", last)], "rows", axis=1)
    net.op("MatMul", [s, h], "summary")
    graph = helper.make_graph(
        net.nodes,
        "smart_turn",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, ROWS, BANDS])],
        [helper.make_tensor_value_info("summary", TensorProto.FLOAT, [1, 2, HIDDEN])],
        net.constants,
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def unrounded(model):
    """The package's graph without the pairs of nodes that round what goes from layer to layer."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    nodes = copy.graph.node
    # Rounded value: the one before.
    codes = {n.output[0]: n.input[0] for n in nodes if n.op_type == "QuantizeLinear"}
    back = {
        n.output[0]: codes[n.input[0]]
        for n in nodes if n.op_type == "DequantizeLinear" and n.input[0] in codes
    }
    kept = [n for n in nodes if n.output[0] not in codes and n.output[0] not in back]
    for node in kept:
        node.input[:] = [back.get(name, name) for name in node.input]
    del nodes[:]
    nodes.extend(kept)
    used = {name for node in kept for name in node.input}
    constants = [c for c in copy.graph.initializer if c.name in used]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(constants)
    return copy


def log_mel(sound):
    """Whisper's features [rows, bands] of the last 8 s, zeros before them, all at unit variance."""
    padded = np.zeros(SOUND)
    last = sound[-SOUND:]
    padded[SOUND - len(last) :] = last
    padded = (padded - padded.mean()) / np.sqrt(padded.var() + 1e-7)
    framed = np.lib.stride_tricks.sliding_window_view(
        np.pad(padded, WINDOW // 2, mode="reflect"), WINDOW
    )[:: HOP][:ROWS]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(framed * hann)) ** 2
    levels = np.log10(np.maximum(power @ triangles().T, 1e-10))
    levels = np.maximum(levels, levels.max() - 8)
    return ((levels + 4) / 4).astype(np.float32)


def triangles():
    """Slaney's mel bands [bands, bins], each of unit area: linear below 1 kHz, logarithmic above."""

    def mel(hz):
        return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))

    def hertz(mels):
        return np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))

    bins = np.arange(WINDOW // 2 + 1) * RATE_HZ / WINDOW
    corners = hertz(np.linspace(0, mel(RATE_HZ / 2), BANDS + 2))
    low, top, high = (corners[i : BANDS + i, None] for i in range(3))
    rise, fall = (bins - low) / (top - low), (high - bins) / (high - top)
    return np.maximum(0, np.minimum(rise, fall)) * 2 / (high - low)
