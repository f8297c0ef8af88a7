"""The hibari voice: from the package's one ONNX graph to the three that Mynah runs.

The package's graph goes from phoneme ids to five spectra in one piece, with the number of frames
known only half-way, its weights quantised for onnxruntime's dynamic int8. We read the weights out of
it and write three graphs anew, everything time-major:

* `encoder.onnx`, once per clause: `ids` i64 [1, L], `speed` f32 [1] -> `durations` f32 [L], `timbre`
  f32 [1, L, 7 * 256], `melody` f32 [1, L, 192]. The host rounds the durations (at least one) and
  repeats every row of `melody` that often: R columns of 25 ms.
* `prosody.onnx`, once per clause: `melody` [1, R, 192] -> `f0` f32 [1, R, 2] in Hz for the two frames
  of 12.5 ms that leave a column, and `contour` f32 [1, R, 2 * 256], what pitch and energy give the
  decoder's first layer, bias included.
* `decoder.onnx`, piece by piece: `features` f32 [1, N, 256] -> `spectra` f32 [1, M, 3005], a row per
  frame: five runs of 601 bins, log magnitude and phase turn of the harmonics, log magnitude of the
  noise, log magnitude and phase of the free part.

The decoder's first layer is a convolution of 7 taps over repeated phonemes. What it makes of a
phoneme is the same wherever that is repeated, so the encoder computes it once, tap by tap
(`timbre`), and the host adds seven such rows to every frame's `contour`: a sixth of the products.
The first layer of the prosody has one tap, so it stands before the repetition as a whole.

The decoder is a stack of convolutions whose layers keep their last inputs in the program
(`DepthStream`), and answer what the newest completes: M frames for N, fewer at the start and more at
the end. In pieces is therefore equal to whole, and no frame is computed that is not heard.

Weights that were int8 stay int8, run by the operators of domain `ai.mynah` (src/nn/ops): each row of
activations is quantised over its own range, where the package quantises the whole tensor over one.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import tts_text

TIMBRE, MELODY = 128, 192  # channels of the two text encoders
BINS, PARTS = 601, 5
HEADS = 2
# One set of attention weights per text encoder, applied this often.
TIMBRE_LAYERS, MELODY_LAYERS = 4, 6
MELODY_DILATIONS = (1, 2, 4, 8, 1, 2)
DECODER_LAYERS = 8
DECODER, TAPS = 256, 7  # channels of the decoder, taps of its first layer
OPSET = 20
DOMAIN = "ai.mynah"  # of the operators in src/nn/ops
SEED = 20_24
# Name, phonemes in the package's alphabet, speed. Phonemes are spelled out so that the goldens of the
# sound do not depend on the text front end.
GOLDEN_CASES = (
    ("short", "jˈɛs.", 1.0),
    ("question", "wˌʌt kən ɪ ɡˈɛt ju tədˈA?", 1.0),
    ("fast", "wˌʌt kən ɪ ɡˈɛt ju tədˈA?", 1.5),
    ("long", "ɪf ju wˈɔɹkt ɔl nˈIt, ðə ʃˈɔɹt wˈA hˈOm ɪz ðə wˈʌn θɹu ðə pˈɑɹk, ænd ɪt ɪz ˈOpᵊn.", 1.0),
)


class Weights:
    """Reads tensors out of the package's graph, by what they do there."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.named = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        by_output = {o: n for n in graph.node for o in n.output}
        # An int8 matrix has only its exporter's name; the bias added to its product has the real one.
        self.matrices = {}
        for add in graph.node:
            if add.op_type != "Add" or add.input[0] not in self.named:
                continue
            product = by_output.get(add.input[1])
            if product is None or product.op_type != "Mul":
                continue
            cast, scales = (by_output[i] for i in product.input)
            matmul = by_output[cast.input[0]]
            scale = next(self.named[i] for i in scales.input if i in self.named)
            if np.any(self.named[matmul.input[3]]):
                raise ValueError(f"{matmul.name}: expected int8 weights without a zero point")
            self.matrices[add.input[0]] = (self.named[matmul.input[1]], scale)

    def __getitem__(self, name):
        return self.named[name]

    def matrix(self, bias):
        """The int8 matrix [in, out] whose product gets this bias, and its scale."""
        return self.matrices[bias]


class Graph:
    """Collects nodes and weights; every method returns the name of what it computed."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes, self.initializers, self.count = [], {}, 0

    def op(self, kind, *inputs, out=None, **attributes):
        out = out or f"{kind.lower()}_{self.count}"
        self.count += 1
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def const(self, name, value):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name):
        return self.const(name, self.weights[name])

    def integers(self, *values):
        return self.const("i_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value):
        return self.const(f"f_{value}", np.float32(value))

    def own(self, kind, *inputs, out=None, **attributes):
        return self.op(kind, *inputs, domain=DOMAIN, out=out, **attributes)

    def linear(self, x, bias, norm=None, activation="none", residual=None, gain=None, out=None):
        """x [1, T, in], normalised when `norm` names how, times the int8 matrix of this bias, plus
        the bias, all times a gain per channel. The shift of the norm is folded into the bias: (n + s) W
        + b = n W + (s W + b); the gain into bias and scales."""
        quantised, scale = self.weights.matrix(bias)
        shifted = self.weights[bias].astype(np.float64)
        if norm:
            x = self.own("LayerNorm", x, self.weight(norm + ".weight"))
            shifted = shifted + self.weights[norm + ".bias"] @ (quantised * np.float64(scale))
        name = bias.removesuffix("bias")
        if gain is not None:
            shifted, scale = shifted * gain, np.float64(scale) * gain
        parts = ((quantised.astype(np.int16) + 128).astype(np.uint8), np.float32(scale),
                 np.uint8(128), shifted.astype(np.float32))
        tails = ("weight", "scale", "zero", "bias")
        inputs = [x, *(self.const(f"{name}{tail}", part) for tail, part in zip(tails, parts))]
        return self.own("QuantLinear", *inputs, *([residual] if residual else []), out=out,
                        activation=activation)

    def norm(self, x, name):
        x = self.own("LayerNorm", x, self.weight(name + ".weight"))
        return self.op("Add", x, self.weight(name + ".bias"))

    def time_conv(self, x, name, weight, bias, pad=0, activation="none", out=None):
        """A convolution in floats, of a weight [kernel * in, out]."""
        return self.own("TimeConv", x, self.const(name + ".weight", np.float32(weight)),
                        self.const(name + ".bias", np.float32(bias)), out=out, pad=pad,
                        activation=activation)

    def conv(self, x, name, activation="none", out=None):
        """A convolution that keeps its length."""
        taps = self.weights[name + ".weight"]  # [out, in, kernel]
        channels, _, kernel = taps.shape
        return self.time_conv(x, name, taps.transpose(2, 1, 0).reshape(-1, channels),
                              self.weights[name + ".bias"], kernel // 2, activation, out)

    def taps(self, name):
        """Weight [kernel, channels] and bias of a depth-wise convolution."""
        weight = self.weights[name + ".weight"][:, 0].T
        return self.const(name + ".weight", weight), self.weight(name + ".bias")

    def depth_conv(self, x, name, dilation=1):
        """A depth-wise convolution that keeps its length."""
        kernel = self.weights[name + ".weight"].shape[2]
        return self.own("DepthConv", x, *self.taps(name), pad=dilation * (kernel // 2),
                        dilation=dilation)

    def block(self, x, y, name):
        """The part after the depth-wise convolution y: two linear layers over the channels, added to
        x."""
        y = self.linear(y, name + ".pw1.bias", name + ".norm", "gelu")
        return self.linear(y, name + ".pw2.bias", residual=x,
                           gain=self.weights[name + ".gamma"].reshape(-1))

    def attention(self, x, name, channels):
        """One pre-norm transformer layer; x [1, L, C]."""
        qkv = self.linear(x, name + ".self_attn.in_proj_bias", name + ".norm1")
        parts = [self.op("Slice", qkv, self.integers(part * channels),
                         self.integers((part + 1) * channels), self.integers(2))
                 for part in range(3)]
        y = self.own("FullAttention", *parts, heads=HEADS)
        x = self.linear(y, name + ".self_attn.out_proj.bias", residual=x)
        y = self.linear(x, name + ".linear1.bias", name + ".norm2", "gelu")
        return self.linear(y, name + ".linear2.bias", residual=x)

    def text(self, ids, name, channels, layers):
        """Phoneme ids to features [1, L, C]."""
        x = self.op("Gather", self.weight(name + ".emb.weight"), ids)
        for layer in range(2):
            block = f"{name}.convs.{layer}"
            x = self.block(x, self.depth_conv(x, block + ".dw"), block)
        for _ in range(layers):
            x = self.attention(x, name + ".attn", channels)
        return self.norm(x, name + ".norm")

    def save(self, path, inputs, outputs):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, path.stem, [value(*i) for i in inputs], [value(*o) for o in outputs],
            list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET),
                                                       helper.make_opsetid(DOMAIN, 1)],
                                  ir_version=9, producer_name="mynah")
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))


def timbre_taps(weights):
    """The part of the decoder's first layer that sees the timbre: [in, kernel * out]."""
    taps = weights["m.dec_in.weight"][:, :TIMBRE]  # [out, in, kernel]
    return taps.transpose(1, 2, 0).reshape(TIMBRE, TAPS * DECODER)


def contour_taps(weights):
    """The part that sees pitch and energy, from columns to columns, each a pair of frames: five
    columns of (pitch, pitch, energy, energy) to two rows of outputs, [5 * 4, 2 * out]."""
    taps = weights["m.dec_in.weight"][:, TIMBRE:]
    columns = np.zeros((5, 2, 2, 2, DECODER), np.float32)  # column, part, frame, frame out, out
    for column, frame, out in np.ndindex(5, 2, 2):
        tap = 2 * (column - 2) + frame - out + TAPS // 2
        if 0 <= tap < TAPS:
            columns[column, :, frame, out] = taps[:, :, tap].T
    return columns.reshape(5 * 4, 2 * DECODER)


def encoder(weights, path):
    g = Graph(weights)
    timbre = g.text("ids", "m.text", TIMBRE, TIMBRE_LAYERS)
    g.time_conv(timbre, "m.dec_in.timbre", timbre_taps(weights), np.zeros(TAPS * DECODER),
                out="timbre")
    melody = g.text("ids", "pn.text", MELODY, MELODY_LAYERS)
    g.conv(melody, "pn.pro_in", out="melody")
    x = g.conv(g.conv(melody, "pn.dur.0", "gelu"), "pn.dur.2")
    x = g.op("Sub", g.op("Exp", g.op("Reshape", x, g.integers(-1))), g.number(1.0))
    g.op("Div", x, "speed", out="durations")
    f, i = TensorProto.FLOAT, TensorProto.INT64
    g.save(path, [("ids", i, [1, "L"]), ("speed", f, [1])],
           [("durations", f, ["L"]), ("timbre", f, [1, "L", TAPS * DECODER]),
            ("melody", f, [1, "L", MELODY])])


def prosody(weights, path):
    g = Graph(weights)
    x = "melody"
    for layer, dilation in enumerate(MELODY_DILATIONS):
        block = f"pn.pro.{layer}"
        x = g.block(x, g.depth_conv(x, block + ".dw", dilation), block)
    x = g.conv(x, "pn.pro_out")  # pitch of two frames, then energy
    pitch, energy = (g.op("Slice", x, g.integers(2 * k), g.integers(2 * k + 2), g.integers(2))
                     for k in range(2))
    hertz = g.op("Mul", pitch, g.number(100.0), out="f0")
    pitch = g.op("Log", g.op("Add", g.op("Relu", hertz), g.number(1.0)))
    x = g.op("Concat", g.op("Mul", pitch, g.number(0.2)), energy, axis=2)
    g.time_conv(x, "m.dec_in.contour", contour_taps(weights), np.tile(weights["m.dec_in.bias"], 2),
                pad=2, out="contour")
    f = TensorProto.FLOAT
    g.save(path, [("melody", f, [1, "R", MELODY])],
           [("f0", f, [1, "R", 2]), ("contour", f, [1, "R", 2 * DECODER])])


def decoder(weights, path):
    g = Graph(weights)
    x = "features"
    for layer in range(DECODER_LAYERS):
        block = f"m.dec.{layer}"
        y, middle = f"stream_{layer}", f"middle_{layer}"
        g.nodes.append(helper.make_node("DepthStream", [x, *g.taps(block + ".dw")], [y, middle],
                                        name=y, domain=DOMAIN, layer=layer))
        x = g.block(middle, y, block)
    g.linear(x, "m.head.bias", "m.dec_norm", out="spectra")
    f = TensorProto.FLOAT
    g.save(path, [("features", f, [1, "N", DECODER])],
           [("spectra", f, [1, "M", BINS * PARTS])])


def assets(packages):
    return Path(packages) / "hibari" / "assets"


def convert(packages, out):
    """Writes the three graphs of the voice and the data of its text front end into `out`."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    weights = Weights(assets(packages) / "hibari.onnx")
    encoder(weights, out / "encoder.onnx")
    prosody(weights, out / "prosody.onnx")
    decoder(weights, out / "decoder.onnx")
    tts_text.convert_text(Path(packages), out)


def unquantised(path):
    """The package's own graph, with each int8 product and its dynamically quantised input replaced by
    the float product: the reference of our graphs, made without them. As bytes."""
    model = onnx.load(path)
    graph = model.graph
    by_output = {o: n for n in graph.node for o in n.output}
    by_input = {i: n for n in graph.node for i in n.input}
    named = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    replaced, gone = {}, set()
    for matmul in [n for n in graph.node if n.op_type == "MatMulInteger"]:
        quantise, cast = by_output[matmul.input[0]], by_input[matmul.output[0]]
        product = by_input[cast.output[0]]
        scales = by_output[next(i for i in product.input if i != cast.output[0])]
        scale = next(named[i] for i in scales.input if i in named)
        weight = matmul.name + "_f32"
        graph.initializer.append(numpy_helper.from_array(
            named[matmul.input[1]].astype(np.float32) * scale, weight))
        replaced[product.output[0]] = helper.make_node(
            "MatMul", [quantise.input[0], weight], list(product.output))
        gone |= {matmul.output[0], cast.output[0], scales.output[0], quantise.output[0]}
    nodes = [replaced.get(n.output[0], n) for n in graph.node if n.output[0] not in gone]
    del graph.node[:]
    graph.node.extend(nodes)
    # What passes from the encoder to the rest, under the exporter's names.
    for name in ("/Div_40_output_0", "/Transpose_22_output_0", "/Transpose_55_output_0"):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return model.SerializeToString()


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def package_vocoder(packages):
    """The package's own spectra-to-samples module; imported by file, for it needs only numpy."""
    spec = importlib.util.spec_from_file_location(
        "hibari_dsp", Path(packages) / "hibari" / "dsp.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FixedNoise:
    """Stands in for the package's random generator so that both vocoders get the same noise."""

    def __init__(self, values):
        self.values = values

    def standard_normal(self, shape, dtype):
        assert self.values.shape == shape and self.values.dtype == dtype
        return self.values


def golden(packages, built, golden):
    """Writes reference inputs and outputs of the graphs (by onnxruntime) and of the vocoder (by the
    package) into `golden`: little-endian files, and `cases.json` with their shapes."""
    golden = Path(golden)
    golden.mkdir(parents=True, exist_ok=True)
    with open(assets(packages) / "vocab.json", encoding="utf-8") as file:
        vocabulary = json.load(file)
    vocoder = package_vocoder(packages)
    weights = Weights(assets(packages) / "hibari.onnx")
    whole = session(unquantised(assets(packages) / "hibari.onnx"))
    noise = np.random.default_rng(SEED)
    cases = {}
    for name, phonemes, speed in GOLDEN_CASES:
        ids = np.array([[0, *(vocabulary[c] for c in phonemes), 0]], np.int64)
        feed = {"ids": ids, "speed": np.array([speed], np.float32)}
        *parts, f0, durations, timbre, melody = (x.reshape(x.shape[-2:]) if x.ndim == 3 else
                                                 x.reshape(-1) for x in whole.run(None, feed))
        z = noise.standard_normal((BINS, 2 * len(f0)), np.float32)
        samples = vocoder.synth(*parts, f0, FixedNoise(z.copy()))
        # Noise per frame, as the Rust side draws it: [F, 601, (re, im)].
        z = z.reshape(BINS, len(f0), 2).transpose(1, 0, 2)
        # What the layers behind them make of timbre and melody before the repetition.
        timbre = timbre.T @ timbre_taps(weights)
        melody = melody.T @ weights["pn.pro_in.weight"][:, :, 0].T + weights["pn.pro_in.bias"]
        arrays = {"ids": ids[0], "durations": durations, "timbre": timbre, "melody": melody,
                  "spectra": np.concatenate(parts).T, "f0": f0, "noise": z, "samples": samples}
        cases[name] = {"speed": speed, "arrays": {}}
        for what, array in arrays.items():
            kind = "i64" if array.dtype == np.int64 else "f32"
            file = f"{name}.{what}.{kind}"
            (golden / file).write_bytes(np.ascontiguousarray(array, f"<{kind[0]}{int(kind[1:]) // 8}"))
            cases[name]["arrays"][what] = {"file": file, "shape": list(array.shape)}
    (golden / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    tts_text.golden_text(Path(packages), Path(built), golden)
