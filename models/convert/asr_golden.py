"""What onnxruntime says: reference outputs for the tests of the converted recogniser.

Two references. The package's own `.ort` pair, run as shipped, gives the words: greedy token ids and
the logits of the first steps. The network of `asr.py` over float weights gives the encoder's
numbers without the noise of anybody's activation quantisation. Before writing, both are compared,
so that a slip in the conversion ends here and not in a test.
"""

import json
import wave
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto

from asr import ASSETS, BOS, EOS, EPSILON, HEAD_DIM, HEADS, HIDDEN, HOP, KERNELS, LAYERS
from asr import OVERHANG, ROTARY, STRIDES, Net, decoder, encoder, layer_values, load_weights

RATE = 16000
LOGIT_STEPS = 4
# (name, file in the package, start and end in seconds)
CASES = (
    ("short", "beckett.wav", 0.0, 1.6),
    ("sentence", "two_cities.wav", 1.0, 6.4),
    ("long", "beckett.wav", 0.0, 9.9),
)


class Plain(Net):
    """Spelled in standard ONNX over float weights, for onnxruntime. One decoder step at a time."""

    def linear(self, x, name, weight, activation="none", residual=None, out=None):
        x = self.op("MatMul", [x, self.constant(weight.dequantised(), f"{name}.weight")])
        last = activation == "none" and not residual
        x = self.op("Add", [x, self.constant(weight.bias)], out=out if last else None)
        if activation == "gelu":
            x = self.op("Gelu", [x])
        return self.op("Add", [x, residual]) if residual else x

    def convolution(self, x, name, weight, stride, activation):
        kernel = weight.dequantised().reshape(KERNELS[STRIDES.index(stride)], -1, weight.bias.size)
        x = self.op("Transpose", [x], perm=[0, 2, 1])
        inputs = [x, self.constant(kernel.transpose(2, 1, 0)), self.constant(weight.bias)]
        x = self.op({"gelu": "Gelu", "tanh": "Tanh"}[activation], [
            self.op("Conv", inputs, strides=[stride])
        ])
        return self.op("Transpose", [x], perm=[0, 2, 1])

    float_convolution = convolution

    def clip_norm(self, x, gain, shift):
        axes = self.constant(np.array([1, 2]))
        centred = self.op("Sub", [x, self.op("ReduceMean", [x, axes])])
        power = self.op("ReduceMean", [self.op("Mul", [centred, centred]), axes])
        spread = self.op("Sqrt", [self.add(power, self.constant(np.float32(EPSILON)))])
        x = self.op("Mul", [self.op("Div", [centred, spread]), self.constant(gain)])
        return self.add(x, self.constant(shift))

    def layer_norm(self, x, gain):
        inputs = [x, self.constant(gain), self.constant(np.zeros_like(gain))]
        return self.op("LayerNormalization", inputs, axis=-1, epsilon=EPSILON)

    def heads(self, x):
        """[1, time, channels] -> [1, heads, time, channels of a head]"""
        shape = self.constant(np.array([1, -1, HEADS, HEAD_DIM]))
        return self.op("Transpose", [self.op("Reshape", [x, shape])], perm=[0, 2, 1, 3])

    def cut(self, x, start, stop, axis):
        bounds = [self.constant(np.array([value])) for value in (start, stop, axis)]
        return self.op("Slice", [x, *bounds])

    def rotate(self, x):
        x, half = self.heads(x), ROTARY // 2
        a, b, rest = (
            self.cut(x, *bounds, 3) for bounds in ((0, half), (half, ROTARY), (ROTARY, HEAD_DIM))
        )
        real = self.op("Sub", [self.op("Mul", [a, "cos"]), self.op("Mul", [b, "sin"])])
        imaginary = self.add(self.op("Mul", [b, "cos"]), self.op("Mul", [a, "sin"]))
        return self.unheads(self.op("Concat", [real, imaginary, rest], axis=3))

    def unheads(self, x):
        shape = self.constant(np.array([1, -1, HIDDEN]))
        return self.op("Reshape", [self.op("Transpose", [x], perm=[0, 2, 1, 3]), shape])

    def attention(self, q, k, v):
        q, k, v = self.heads(q), self.heads(k), self.heads(v)
        q = self.op("Mul", [q, self.constant(np.float32(HEAD_DIM**-0.5))])
        scores = self.op("MatMul", [q, self.op("Transpose", [k], perm=[0, 1, 3, 2])])
        return self.unheads(self.op("MatMul", [self.op("Softmax", [scores], axis=-1), v]))

    def token_attention(self, q, k, v, layer):
        """Over `past_*` and the new rows; hands `new_*` to the caller, who puts them behind."""
        self.op("Identity", [k], out=f"new_k_{layer}")
        self.op("Identity", [v], out=f"new_v_{layer}")
        k = self.op("Concat", [f"past_k_{layer}", k], axis=1)
        v = self.op("Concat", [f"past_v_{layer}", v], axis=1)
        return self.attention(q, k, v)

    def sound_attention(self, q, layer):
        return self.attention(q, f"cross_k_{layer}", f"cross_v_{layer}")

    def decoder_memory(self):
        f32 = TensorProto.FLOAT
        inputs = [(name, f32, [1, "P", HIDDEN]) for name in layer_values("past")]
        inputs += [(name, f32, [1, "T", HIDDEN]) for name in layer_values("cross")]
        return inputs, [(name, f32, [1, "S", HIDDEN]) for name in layer_values("new")]

    def swiglu(self, x):
        width = 1152
        value, gate = self.cut(x, 0, width, 2), self.cut(x, width, 2 * width, 2)
        return self.op("Mul", [value, self.op("Mul", [gate, self.op("Sigmoid", [gate])])])


class Original:
    """The package's two graphs under onnxruntime, decoding greedily."""

    def __init__(self, packages):
        folder = packages / ASSETS / "tiny-en"
        self.encoder = session(str(folder / "encoder_model.ort"))
        self.decoder = session(str(folder / "decoder_model_merged.ort"))
        self.outputs = [output.name for output in self.decoder.get_outputs()]

    def run(self, audio, limit):
        """Token ids behind BOS (EOS last if reached), logits per step, cross keys and values."""
        mask = np.ones((1, audio.size), np.int64)
        feed = {"input_values": audio[None], "attention_mask": mask}
        hidden = self.encoder.run(None, feed)[0]
        past = {
            f"past_key_values.{layer}.{side}.{part}": np.zeros((1, HEADS, 0, HEAD_DIM), np.float32)
            for layer in range(LAYERS)
            for side in ("decoder", "encoder")
            for part in ("key", "value")
        }
        ids, logits, cross = [BOS], [], None
        while len(ids) <= limit and (len(ids) == 1 or ids[-1] != EOS):
            feed = {
                "encoder_attention_mask": mask,
                "encoder_hidden_states": hidden,
                "input_ids": np.array([[ids[-1]]]),
                "use_cache_branch": np.array([len(ids) > 1]),
                **past,
            }
            outputs = dict(zip(self.outputs, self.decoder.run(None, feed)))
            for name, value in outputs.items():
                # The cached branch hands back empty cross keys: the first step's stay valid.
                if name != "logits" and (len(ids) == 1 or ".decoder." in name):
                    past[name.replace("present", "past_key_values")] = value
            if cross is None:
                cross = np.stack([
                    unheads(past[f"past_key_values.{layer}.encoder.{part}"])
                    for layer in range(LAYERS)
                    for part in ("key", "value")
                ])
            logits.append(outputs["logits"][0, -1])
            ids.append(int(logits[-1].argmax()))
        return ids[1:], np.stack(logits), cross


class Clean:
    """The rebuilt network in plain ONNX under onnxruntime, fed with given tokens."""

    def __init__(self, packages):
        from_sound, from_tokens = load_weights(packages)
        self.inv_freq = from_sound.tensors["onnx::Expand_202"].reshape(1, -1)
        self.head = from_tokens.linear["logits"]
        self.encoder = session(encoder(Plain(), from_sound, from_tokens).SerializeToString())
        self.decoder = session(decoder(Plain(), from_tokens).SerializeToString())

    def rotary(self, start, stop):
        angle = np.arange(start, stop, dtype=np.float32)[:, None] * self.inv_freq
        return {"cos": np.cos(angle), "sin": np.sin(angle)}

    def cross(self, audio):
        tokens = (audio.size - OVERHANG) // HOP
        audio = audio[: HOP * tokens + OVERHANG]
        feed = {"audio": audio[None, :, None], **self.rotary(0, tokens)}
        return np.stack([value[0] for value in self.encoder.run(None, feed)])

    def logits(self, cross, ids):
        """Logits behind each of the given tokens, which start with BOS."""
        past = {name: np.zeros((1, 0, HIDDEN), np.float32) for name in layer_values("past")}
        fixed = {name: value[None] for name, value in zip(layer_values("cross"), cross)}
        rows = []
        for step, token in enumerate(ids):
            column = self.head.bytes[:, token].astype(np.float32) - np.float32(self.head.zero)
            feed = {
                "x": (column * self.head.scale)[None, None],
                **self.rotary(step, step + 1),
                **past,
                **fixed,
            }
            logits, *new = self.decoder.run(None, feed)
            for name, value in zip(past, new):
                past[name] = np.concatenate([past[name], value], axis=1)
            rows.append(logits[0, -1])
        return np.stack(rows)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def unheads(x):
    return x[0].transpose(1, 0, 2).reshape(-1, HIDDEN)


def read_sound(path):
    """Mono samples at 16 kHz; other rates must be a whole multiple of it."""
    with wave.open(str(path)) as sound:
        assert sound.getsampwidth() == 2 and sound.getnchannels() == 1, path
        rate = sound.getframerate()
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    factor = rate // RATE
    assert factor * RATE == rate, f"{path}: {rate} Hz is not a multiple of {RATE}"
    if factor > 1:
        # Windowed sinc, cut a little below the new Nyquist frequency.
        taps = np.arange(-24 * factor, 24 * factor + 1)
        low_pass = np.sinc(0.92 * taps / factor) * np.hanning(taps.size)
        pcm = np.convolve(pcm, low_pass / low_pass.sum(), "same")[::factor]
    return pcm.astype(np.float32)


def relative_error(got, want):
    return float(np.sqrt(((got - want) ** 2).mean() / (want**2).mean()))


def write(packages: Path, golden: Path) -> None:
    golden.mkdir(parents=True, exist_ok=True)
    original, clean = Original(packages), Clean(packages)
    cases = []
    for name, file, start, end in CASES:
        audio = read_sound(packages / ASSETS / file)[int(start * RATE) : int(end * RATE)]
        ids, logits, shipped_cross = original.run(audio, int(np.ceil(6.5 * audio.size / RATE)))
        cross = clean.cross(audio)
        ours = clean.logits(cross, [BOS, *ids[:-1]])
        errors = relative_error(shipped_cross, cross), relative_error(logits, ours)
        agree = float((ours.argmax(1) == ids).mean())
        assert max(errors) < 0.1 and agree > 0.9, f"{name}: {errors} {agree}"
        steps = min(LOGIT_STEPS, len(ids))
        audio.astype("<f4").tofile(golden / f"{name}.audio.f32")
        cross.astype("<f4").tofile(golden / f"{name}.cross.f32")
        ours[:steps].astype("<f4").tofile(golden / f"{name}.logits.f32")
        np.array(ids, "<i8").tofile(golden / f"{name}.ids.i64")
        cases.append({
            "name": name,
            "samples": int(audio.size),
            "cross_shape": list(cross.shape),
            "logits_shape": [steps, logits.shape[1]],
            "ids": len(ids),
            "shipped_cross_error": errors[0],
            "shipped_logits_error": errors[1],
        })
    (golden / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
