"""Silero VAD v6 at 16 kHz: the package's graph, rewritten with the same weights.

In:  window[1,576]  64 samples of context + the 512 samples to judge, -1.0..1.0
     state[2,1,128] hidden and cell state of the recurrent layer, zeros at the start
Out: probability[1,1] that the 512 samples hold speech, state_next[2,1,128]

The package's graph carries some hundred nodes of shape arithmetic for cases that cannot occur
here (padding computed at run time, gate reordering). Ours holds what is left when those are
folded: a 256-point short-time spectrum (hop 128) as a convolution, four convolutions, one LSTM
cell, one output unit.
"""

import json
import wave
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SOURCE = "silero_vad/data/silero_vad_openvino_16k.onnx"
SPEECH = "moonshine_voice/assets/beckett.wav"
CONTEXT, WINDOW, CELLS = 64, 512, 128
BINS = 129
RIGHT_PAD = 64
RATE_HZ = 16_000


def convert(packages: Path, out: Path) -> None:
    """Writes OUT/silero.onnx and proves that it computes what the package's graph computes."""
    source = Path(packages) / SOURCE
    model = build(weights_of(source))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    onnx.checker.check_model(model)
    (out / "silero.onnx").write_bytes(model.SerializeToString(deterministic=True))
    difference = max_difference(source, out / "silero.onnx")
    if difference > 1e-4:
        raise SystemExit(
            f"vad: the rewritten graph differs from {SOURCE} by {difference:.1e} (limit 1e-4); "
            "was the package changed?"
        )


def golden(packages: Path, built: Path, golden: Path) -> None:
    """Writes what onnxruntime computes with the *package's* graph, window by window."""
    golden = Path(golden)
    golden.mkdir(parents=True, exist_ok=True)
    session = open_session(Path(packages) / SOURCE)
    cases = []
    for name, audio in signals(Path(packages)).items():
        probabilities, state = run_stream(session, audio)
        arrays = {"audio": audio, "probability": probabilities, "state": state}
        for kind, array in arrays.items():
            array.astype("<f4").tofile(golden / f"{name}.{kind}.f32")
        cases.append(
            {
                "name": name,
                "shapes": {kind: list(array.shape) for kind, array in arrays.items()},
            }
        )
    (golden / "cases.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")


def weights_of(source: Path) -> dict:
    """The trained tensors by their PyTorch names, whatever prefix the exporter put before them."""
    wanted = ["stft.forward_basis_buffer", "decoder.decoder.2.weight", "decoder.decoder.2.bias"]
    wanted += [f"decoder.rnn.{k}_{d}" for k in ("weight", "bias") for d in ("ih", "hh")]
    wanted += [f"encoder.{i}.reparam_conv.{k}" for i in range(4) for k in ("weight", "bias")]
    found = {}
    for node in onnx.load(source).graph.node:
        if node.op_type != "Constant":
            continue
        for name in wanted:
            if node.output[0].endswith(name):
                found[name] = numpy_helper.to_array(node.attribute[0].t)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SystemExit(f"vad: {source} has no tensor {', '.join(missing)}")
    return found


def build(w: dict) -> onnx.ModelProto:
    """The clean graph."""
    nodes, tensors = [], []

    def tensor(name, array):
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def ints(name, *values):
        return tensor(name, np.array(values, np.int64))

    def cut(source, output, axis, start, end):
        key = f"{output}.at"
        bounds = [ints(f"{key}.start", start), ints(f"{key}.end", end), ints(f"{key}.axis", axis)]
        return node("Slice", [source, *bounds], output)

    # Spectrum. Reflection on the right only: 576 + 64 samples hold (640 - 256) / 128 + 1 = 4 hops.
    # Rank 3 before padding, so that the padding needs no shape arithmetic.
    x = node("Unsqueeze", ["window", ints("axis_1", 1)], "mono")
    pads = ints("reflect.pads", 0, 0, 0, 0, 0, RIGHT_PAD)
    x = node("Pad", [x, pads], "reflected", mode="reflect")
    basis = tensor("stft.basis", w["stft.forward_basis_buffer"])
    x = node("Conv", [x, basis], "spectrum", kernel_shape=[256], strides=[128])
    re = cut(x, "spectrum.re", 1, 0, BINS)
    im = cut(x, "spectrum.im", 1, BINS, 2 * BINS)
    re2, im2 = node("Mul", [re, re], "re2"), node("Mul", [im, im], "im2")
    x = node("Sqrt", [node("Add", [re2, im2], "power")], "magnitude")

    for i, stride in enumerate((1, 2, 2, 1)):
        weight = tensor(f"encoder.{i}.weight", w[f"encoder.{i}.reparam_conv.weight"])
        bias = tensor(f"encoder.{i}.bias", w[f"encoder.{i}.reparam_conv.bias"])
        x = node(
            "Conv", [x, weight, bias], f"encoder.{i}.conv",
            kernel_shape=[3], strides=[stride], pads=[1, 1],
        )
        x = node("Relu", [x], f"encoder.{i}")

    # LSTM cell, PyTorch's gate order: input, forget, candidate, output. One time step is left
    # after the strides, so the recurrent layer is a cell and needs no loop.
    x = node("Squeeze", [x, ints("axis_2", 2)], "features")
    hidden = node("Squeeze", [cut("state", "state.h", 0, 0, 1), ints("axis_0", 0)], "h")
    cell = node("Squeeze", [cut("state", "state.c", 0, 1, 2), "axis_0"], "c")
    joined = node("Concat", [x, hidden], "features_h", axis=1)
    gate_weights = np.concatenate([w["decoder.rnn.weight_ih"], w["decoder.rnn.weight_hh"]], 1)
    weight = tensor("lstm.weight", gate_weights.T)
    bias = tensor("lstm.bias", w["decoder.rnn.bias_ih"] + w["decoder.rnn.bias_hh"])
    gates = node("Gemm", [joined, weight, bias], "gates")
    gate = {}
    for i, (name, op) in enumerate(
        [("input", "Sigmoid"), ("forget", "Sigmoid"), ("candidate", "Tanh"), ("output", "Sigmoid")]
    ):
        part = cut(gates, f"gate.{name}.in", 1, i * CELLS, (i + 1) * CELLS)
        gate[name] = node(op, [part], f"gate.{name}")
    kept = node("Mul", [gate["forget"], cell], "kept")
    added = node("Mul", [gate["input"], gate["candidate"]], "added")
    cell = node("Add", [kept, added], "c_next")
    hidden = node("Mul", [gate["output"], node("Tanh", [cell], "c_tanh")], "h_next")
    rows = [
        node("Unsqueeze", [hidden, "axis_0"], "h_next.row"),
        node("Unsqueeze", [cell, "axis_0"], "c_next.row"),
    ]
    node("Concat", rows, "state_next", axis=0)

    weight = tensor("out.weight", w["decoder.decoder.2.weight"].reshape(1, CELLS).T)
    bias = tensor("out.bias", w["decoder.decoder.2.bias"])
    x = node("Gemm", [node("Relu", [hidden], "h_relu"), weight, bias], "logit")
    node("Sigmoid", [x], "probability")

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    graph = helper.make_graph(
        nodes,
        "silero_vad_16k",
        [value("window", 1, CONTEXT + WINDOW), value("state", 2, 1, CELLS)],
        [value("probability", 1, 1), value("state_next", 2, 1, CELLS)],
        tensors,
    )
    opset = [helper.make_opsetid("", 16)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="mynah")


def signals(packages: Path) -> dict:
    """The test sounds: recorded speech with its pauses, noise and tones with jumps, and silence."""
    with wave.open(str(packages / SPEECH)) as file:
        form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
        if form != (RATE_HZ, 1, 2):
            raise SystemExit(f"vad: {SPEECH} is {form}, expected 16 kHz mono 16-bit")
        speech = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(6).uniform(-1, 1, t.size)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * t / 1.3)
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12))
    synthetic = 0.05 * swell * buzz + np.where(t % 0.9 < 0.4, 0.03, 0.0005) * noise
    silence = np.zeros(RATE_HZ)
    chosen = {"speech": speech, "synthetic": synthetic, "silence": silence}
    return {name: whole_windows(x) for name, x in chosen.items()}


def whole_windows(audio) -> np.ndarray:
    return audio[: len(audio) // WINDOW * WINDOW].astype(np.float32)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )


def run_stream(session, audio):
    """Probability per 512-sample window [n] and the final state [2,1,128]."""
    names = [i.name for i in session.get_inputs()]
    state = np.zeros((2, 1, CELLS), np.float32)
    context = np.zeros(CONTEXT, np.float32)
    probabilities = []
    for start in range(0, len(audio), WINDOW):
        window = np.concatenate([context, audio[start : start + WINDOW]])
        probability, state = session.run(None, dict(zip(names, (window[None], state))))
        probabilities.append(probability.item())
        context = window[-CONTEXT:]
    return np.array(probabilities, np.float32), state


def max_difference(ours: Path, theirs: Path) -> float:
    """Largest difference of any probability or state value over half a minute of noise bursts."""
    rng = np.random.default_rng(1)
    loudness = np.repeat(10 ** rng.uniform(-4, -0.3, 60), RATE_HZ // 2)
    audio = whole_windows(loudness * rng.uniform(-1, 1, loudness.size))
    results = [run_stream(open_session(path), audio) for path in (ours, theirs)]
    return max(float(np.abs(a - b).max()) for a, b in zip(*results))
