"""The text half of the voice: lexicon, tagger, word tables and the out-of-vocabulary net.

Reads the data files of the hibari package (Apache-2.0) and writes what `tts::text` loads:

    lexicon.bin   two pronunciation tables, phonemes as one byte each
    tagger.bin    the part-of-speech tagger: sure words, known words, feature weights
    oov.onnx      the network for words the lexicon lacks, rebuilt with one fixed shape
    text.json     the small tables: phoneme ids, letters, units, titles, token exceptions

The packed tables are sorted by key and front-coded in blocks, so the program keeps the file's bytes
as they are: no heap string per entry, and a look-up is one binary search.
"""

import gzip
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Entries per front-coded block. 16 keeps the scan inside a block under a microsecond while the
# block index stays at a quarter of a byte per entry. `table.rs` reads the same number.
BLOCK = 16

LEXICON_MAGIC = b"MYNLEX1\n"
TAGGER_MAGIC = b"MYNTAG1\n"
TEXT_FORMAT = 1

# Readings of a word by part of speech; the order is the code `lexicon.rs` reads.
SENSES = ["DEFAULT", "NOUN", "VERB", "ADJ", "ADV", "None", "VBD", "VBN", "VBP", "DT"]
# The first byte of a value that holds several readings; phoneme codes start at 1.
SEVERAL = 0
# The length byte of a reading that is "spell the letters".
SPELLED = 255

SENTENCES = Path(__file__).resolve().parents[2] / "tests" / "data" / "tts_sentences.txt"


def read_json(path):
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as f:
            return json.load(f)
    return json.loads(path.read_text(encoding="utf-8"))


def pack(entries):
    """Sorted, front-coded table of byte keys to byte values.

    Layout, little-endian: entries u32, blocks u32, data bytes u32, block offsets u32 each, data.
    A record is: bytes shared with the key before it (0 at a block's start) u8, other key bytes u8,
    value bytes u8, the other key bytes, the value.
    """
    data, offsets, before = bytearray(), [], b""
    for i, (key, value) in enumerate(sorted(entries.items())):
        if len(key) > 255 or len(value) > 255:
            raise ValueError(f"entry {key!r} is too long for the packed table")
        shared = 0
        if i % BLOCK == 0:
            offsets.append(len(data))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        data += bytes([shared, len(key) - shared, len(value)]) + key[shared:] + value
        before = key
    head = struct.pack("<III", len(entries), len(offsets), len(data))
    return head + struct.pack(f"<{len(offsets)}I", *offsets) + bytes(data)


def pronunciations(words):
    """Every reading of a lexicon entry (None stands for spelling it)."""
    for entry in words.values():
        yield from entry.values() if isinstance(entry, dict) else [entry]


def lexicon(gold, silver):
    phonemes = sorted({c for words in (gold, silver) for ps in pronunciations(words) if ps for c in ps})
    if len(phonemes) >= SPELLED:
        raise ValueError(f"{len(phonemes)} phonemes do not fit one byte each")
    code = {c: i + 1 for i, c in enumerate(phonemes)}

    def coded(text):
        return bytes(code[c] for c in text)

    def value(entry):
        if isinstance(entry, str):
            return coded(entry)
        packed = bytearray([SEVERAL])
        for sense, text in sorted(entry.items(), key=lambda reading: SENSES.index(reading[0])):
            packed += bytes([SENSES.index(sense), SPELLED if text is None else len(text)])
            packed += coded(text or "")
        return bytes(packed)

    tables = b"".join(pack({k.encode(): value(v) for k, v in d.items()}) for d in (gold, silver))
    alphabet = struct.pack("<I", len(phonemes)) + b"".join(struct.pack("<I", ord(c)) for c in phonemes)
    return LEXICON_MAGIC + alphabet + tables


def tagger(model):
    tags = sorted(model["tags"])
    index = {tag: i for i, tag in enumerate(tags)}

    def weights(row):
        packed = bytearray()
        for tag, weight in sorted(row.items()):
            tenths = round(weight * 10)
            if abs(tenths / 10 - weight) > 1e-9:
                raise ValueError(f"tagger weight {weight} is not a whole number of tenths")
            packed += struct.pack("<Bh", index[tag], tenths)
        return bytes(packed)

    names = struct.pack("<I", len(tags)) + b"".join(bytes([len(t)]) + t.encode() for t in tags)
    return b"".join([
        TAGGER_MAGIC,
        names,
        pack({word.encode(): bytes([index[tag]]) for word, tag in model["tagdict"].items()}),
        pack({word.encode(): b"" for word in model["vocab"]}),
        pack({feature.encode(): weights(row) for feature, row in model["weights"].items()}),
    ])


class Rebuilt:
    """The out-of-vocabulary network with one fixed shape and one body for all its layers.

    The package's graph works out its shapes as it runs and spells every layer out, which costs most
    of the load time. The net is a plain pre-norm transformer, so it is drawn again from its
    weights: letters always fill `longest` places, `mask` keeps the empty ones out of attention, and
    the layers are a scan over their stacked weights.
    """

    WIDTH, HEADS, LAYERS = 128, 4, 4

    def __init__(self, source, longest, slots):
        self.weights = {w.name: numpy_helper.to_array(w) for w in source.graph.initializer}
        # The exporter gave the plain linear layers numbers for names; graph order tells them apart.
        self.products = [
            self.weights[n.input[1]]
            for n in source.graph.node
            if n.op_type == "MatMul" and n.input[1] in self.weights
        ]
        if len(self.products) != 4 * self.LAYERS + 1:
            raise ValueError(f"oov.onnx has {len(self.products)} linear layers, expected {4 * self.LAYERS + 1}")
        self.longest, self.slots = longest, slots

    def layer_weights(self, i):
        key, width = f"m.layers.{i}", self.WIDTH
        joint, out, up, down = self.products[4 * i : 4 * i + 4]
        joint_bias = self.weights[f"{key}.self_attn.in_proj_bias"]
        # Half of the attention's 1/sqrt(size) goes into the queries, half into the keys.
        scale = np.float32((width // self.HEADS) ** -0.25)
        query, keys, values = (slice(n * width, (n + 1) * width) for n in range(3))
        return {
            "norm1.scale": self.weights[f"{key}.norm1.weight"],
            "norm1.bias": self.weights[f"{key}.norm1.bias"],
            "query.weight": joint[:, query] * scale,
            "query.bias": joint_bias[query] * scale,
            "key.weight": joint[:, keys] * scale,
            "key.bias": joint_bias[keys] * scale,
            "value.weight": joint[:, values],
            "value.bias": joint_bias[values],
            "out.weight": out,
            "out.bias": self.weights[f"{key}.self_attn.out_proj.bias"],
            "norm2.scale": self.weights[f"{key}.norm2.weight"],
            "norm2.bias": self.weights[f"{key}.norm2.bias"],
            "up.weight": up,
            "up.bias": self.weights[f"{key}.linear1.bias"],
            "down.weight": down,
            "down.bias": self.weights[f"{key}.linear2.bias"],
        }

    def layer(self, shapes):
        """One layer as a graph: the rows, the mask and the weights come in, rows and mask go out."""
        rows, heads, width = self.longest, self.HEADS, self.WIDTH
        nodes = []

        def node(kind, inputs, name, **attributes):
            nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
            return name

        def linear(x, name):
            return node("Add", [node("MatMul", [x, f"{name}.weight"], f"{name}.product"), f"{name}.bias"], name)

        def norm(x, name):
            return node("LayerNormalization", [x, f"{name}.scale", f"{name}.bias"], name, axis=-1, epsilon=1e-5)

        def by_head(x, name, order):
            split = node("Reshape", [linear(x, name), "split"], f"{name}.split")
            return node("Transpose", [split], f"{name}.heads", perm=order)

        x = norm("rows", "norm1")
        query, key, value = by_head(x, "query", [1, 0, 2]), by_head(x, "key", [1, 2, 0]), by_head(x, "value", [1, 0, 2])
        scores = node("Add", [node("MatMul", [query, key], "scores"), "mask"], "masked")
        mixed = node("MatMul", [node("Softmax", [scores], "shares", axis=-1), value], "mixed")
        mixed = node("Reshape", [node("Transpose", [mixed], "by_row", perm=[1, 0, 2]), "join"], "joined")
        x = node("Add", ["rows", linear(mixed, "out")], "attended")
        up = linear(norm(x, "norm2"), "up")
        erf = node("Erf", [node("Mul", [up, "sqrt_half"], "ratio")], "erf")
        gate = node("Mul", [node("Add", [erf, "one"], "raised"), "half"], "gate")
        node("Add", [x, linear(node("Mul", [up, gate], "gelu"), "down")], "rows_out")
        node("Identity", ["mask"], "mask_out")
        constants = {
            "split": np.array([rows, heads, width // heads], np.int64),
            "join": np.array([rows, width], np.int64),
            "sqrt_half": np.float32([2**-0.5]),
            "one": np.float32([1]),
            "half": np.float32([0.5]),
        }
        state = {"rows": [rows, width], "mask": [1, 1, rows]}
        floats = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        return helper.make_graph(
            nodes, "layer",
            [floats(name, shape) for name, shape in (state | shapes).items()],
            [floats(f"{name}_out", shape) for name, shape in state.items()],
            [numpy_helper.from_array(array, name) for name, array in constants.items()])

    def build(self):
        layers = [self.layer_weights(i) for i in range(self.LAYERS)]
        head, head_bias = self.products[-1], self.weights["m.head.bias"]
        sounds = head_bias.size // self.slots
        constants = {f"layers.{name}": np.stack([layer[name] for layer in layers]) for name in layers[0]}
        constants |= {
            "embedding": self.weights["m.emb.weight"],
            "places": self.weights["m.pos"][: self.longest],
            "last.scale": self.weights["m.norm.weight"],
            "last.bias": self.weights["m.norm.bias"],
            "head.weight": head,
            "head.bias": head_bias,
            "by_slot": np.array([self.longest * self.slots, sounds], np.int64),
        }
        body = self.layer({name: array.shape for name, array in layers[0].items()})
        nodes = [
            helper.make_node("Gather", ["embedding", "letters"], ["embedded"], axis=0),
            helper.make_node("Add", ["embedded", "places"], ["placed"]),
            helper.make_node("Scan", ["placed", "mask", *(f"layers.{name}" for name in layers[0])],
                             ["read", "mask_read"], body=body, num_scan_inputs=len(layers[0])),
            helper.make_node("LayerNormalization", ["read", "last.scale", "last.bias"], ["last"],
                             axis=-1, epsilon=1e-5),
            helper.make_node("MatMul", ["last", "head.weight"], ["head.product"]),
            helper.make_node("Add", ["head.product", "head.bias"], ["head"]),
            helper.make_node("Reshape", ["head", "by_slot"], ["scores"]),
        ]
        graph = helper.make_graph(
            nodes, "oov",
            [helper.make_tensor_value_info("letters", TensorProto.INT64, [self.longest]),
             helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, self.longest])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [self.longest * self.slots, sounds])],
            [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def small_tables(assets):
    words = read_json(assets / "normalize.json")
    net = read_json(assets / "oov.json")
    return {
        "format": TEXT_FORMAT,
        "ids": read_json(assets / "vocab.json"),
        "letters": net["in"],
        "sounds": net["out"],
        "slots": net["slots"],
        "longest": net["maxlen"],
        "months": list(words["months"].values()),
        "titles": words["titles"],
        "abbreviations": words["abbreviations"],
        "units": words["units"],
        "currencies": words["currency"],
        # A list: the order decides which symbol is read first.
        "symbols": list(words["symbols"].items()),
        "numbered": words["roman_cardinal"],
        "ordered": words["roman_ordinal"],
        "exceptions": read_json(assets / "tokenizer_exceptions.json"),
    }


def convert_text(packages, out):
    """Writes the four files of the text front end into `out` (models/built/tts)."""
    assets = Path(packages) / "hibari" / "assets"
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    gold = read_json(assets / "lexicon_us_gold.json.gz")
    silver = read_json(assets / "lexicon_us_silver.json.gz")
    (out / "lexicon.bin").write_bytes(lexicon(gold, silver))
    (out / "tagger.bin").write_bytes(tagger(read_json(assets / "tagger.json.gz")))
    tables = small_tables(assets)
    text = json.dumps(tables, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    (out / "text.json").write_text(text + "\n", encoding="utf-8")
    source = onnx.load(str(assets / "oov.onnx"))
    net = Rebuilt(source, tables["longest"], tables["slots"]).build()
    (out / "oov.onnx").write_bytes(net.SerializeToString(deterministic=True))


def golden_text(packages, built, golden):
    """Writes what the package itself says for our sentences: golden/tts/phonemes.tsv and oov.tsv.

    phonemes.tsv has one line per sentence of tests/data/tts_sentences.txt: the text, a tab, its
    phonemes. oov.tsv has one line per word the package had to guess: the word, a tab, its phonemes.
    """
    sys.path.insert(0, str(packages))
    try:
        from hibari.g2p import G2P
        from hibari.tts import Hibari
    finally:
        sys.path.pop(0)
    golden = Path(golden)
    golden.mkdir(parents=True, exist_ok=True)
    reader, guessed = G2P(), {}
    guess = reader.oov

    def remember(word):
        guessed[word] = guess(word) or ""
        return guessed[word]

    reader._oov = remember
    lines = []
    for text in SENTENCES.read_text(encoding="utf-8").splitlines():
        spoken = " ".join(reader(sentence) for sentence in Hibari.split_sentences(text))
        lines.append(f"{text}\t{re.sub(' +', ' ', spoken).strip()}\n")
    (golden / "phonemes.tsv").write_text("".join(lines), encoding="utf-8")
    for word in ("Mynah", "xylocarp", "Brzezinski", "flurbish", "Zoë", "naïveté", "gloopiest", "a" * 40):
        remember(word)
    (golden / "oov.tsv").write_text("".join(f"{w}\t{p}\n" for w, p in sorted(guessed.items())), encoding="utf-8")
