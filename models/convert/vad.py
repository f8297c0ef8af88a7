"""Silero VAD v6 at 16 kHz: the package's graph, rewritten with the same weights.

In:  window[1,640,1] 64 samples of context, the 512 to judge, -1.0..1.0, and their last 64 in reverse
                     without the very last (reflection)
     state[1,1,256]  hidden and cell state of the recurrent layer, zeros at the start
Out: probability[1,1,1] that the 512 samples hold speech, state_next[1,1,256]

The package's graph carries some hundred nodes of shape arithmetic for cases that cannot occur
here (padding computed at run time, gate reordering). Ours holds what is left when those are
folded, in the operators of `src/nn/ops`: a 256-point short-time spectrum (hop 128) as a convolution,
four convolutions, one LSTM cell, one output unit.
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
BINS, HOP = 129, 128
RIGHT_PAD = 64
DOMAIN = "ai.mynah"
RATE_HZ = 16_000


def convert(packages: Path, out: Path) -> None:
    """Writes OUT/silero.onnx."""
    model = build(weights_of(Path(packages) / SOURCE))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "silero.onnx").write_bytes(model.SerializeToString(deterministic=True))


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
        nodes.append(
            helper.make_node(op, inputs, [output], name=output, domain=DOMAIN, **attributes)
        )
        return output

    def convolution(x, name, kernel, bias, **attributes):
        """`kernel` [outputs, channels, steps], as PyTorch has it."""
        rows = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])
        weight, bias = tensor(f"{name}.weight", rows), tensor(f"{name}.bias", bias)
        return node("TimeConv", [x, weight, bias], name, **attributes)

    basis = w["stft.forward_basis_buffer"]
    no_bias = np.zeros(2 * BINS, np.float32)
    x = convolution("window", "spectrum", basis, no_bias, stride=HOP)
    x = node("Magnitude", [x], "magnitude")
    for i, stride in enumerate((1, 2, 2, 1)):
        kernel, bias = (w[f"encoder.{i}.reparam_conv.{part}"] for part in ("weight", "bias"))
        attributes = {"stride": stride, "pad": 1, "activation": "relu"}
        x = convolution(x, f"encoder.{i}", kernel, bias, **attributes)
    # One step of time is left after the strides, so the recurrent layer needs no loop. PyTorch's
    # order of the gates is ours: input, forget, candidate, output.
    weight = np.concatenate([w["decoder.rnn.weight_ih"], w["decoder.rnn.weight_hh"]], 1).T
    bias = w["decoder.rnn.bias_ih"] + w["decoder.rnn.bias_hh"]
    cell = ["state", tensor("lstm.weight", weight), tensor("lstm.bias", bias)]
    x = node("LstmCell", [x, *cell], "state_next")
    # The output unit reads the hidden half of the state; a weight of 0 leaves the cells out.
    x = node("Activate", [x], "positive", activation="relu")
    weight = np.zeros((1, 2 * CELLS, 1), np.float32)
    weight[0, :CELLS, 0] = w["decoder.decoder.2.weight"].reshape(CELLS)
    convolution(x, "probability", weight, w["decoder.decoder.2.bias"], activation="sigmoid")

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    graph = helper.make_graph(
        nodes,
        "silero_vad_16k",
        [value("window", 1, CONTEXT + WINDOW + RIGHT_PAD, 1), value("state", 1, 1, 2 * CELLS)],
        [value("probability", 1, 1, 1), value("state_next", 1, 1, 2 * CELLS)],
        tensors,
    )
    opsets = [helper.make_opsetid("", 16), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="mynah")


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
