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
    """The out-of-vocabulary network with one fixed shape.

    The package's graph works out its shapes as it runs, which costs most of the load time. The net
    is a plain pre-norm transformer (4 layers, 128 wide, 4 heads), so it is drawn again from its
    weights: letters always fill `longest` places, and `mask` keeps the empty ones out of attention.
    """

    WIDTH, HEADS, LAYERS = 128, 4, 4

    def __init__(self, source, longest, slots):
        self.weights = {w.name: numpy_helper.to_array(w) for w in source.graph.initializer}
        self.source, self.longest, self.slots = source, longest, slots
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def products(self):
        """Weight of each plain linear layer, in graph order (the exporter gave them numbers)."""
        return [n.input[1] for n in self.source.graph.node if n.op_type == "MatMul" and n.input[1] in self.weights]

    def linear(self, x, weight, bias, name):
        product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name}.product")
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)], name)

    def norm(self, x, key, name):
        scale = self.constant(f"{name}.scale", self.weights[f"{key}.weight"])
        bias = self.constant(f"{name}.bias", self.weights[f"{key}.bias"])
        return self.node("LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=1e-5)

    def attention(self, x, joint_weight, joint_bias, out_weight, out_bias, name):
        width, heads = self.WIDTH, self.HEADS
        scale = np.float32((width // heads) ** -0.25)
        parts = []
        for i, part in enumerate(("query", "key", "value")):
            factor = np.float32(1) if part == "value" else scale
            columns = slice(i * width, (i + 1) * width)
            y = self.linear(x, joint_weight[:, columns] * factor, joint_bias[columns] * factor, f"{name}.{part}")
            y = self.node("Reshape", [y, "split"], f"{name}.{part}.split")
            order = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
            parts.append(self.node("Transpose", [y], f"{name}.{part}.heads", perm=order))
        query, key, value = parts
        scores = self.node("MatMul", [query, key], f"{name}.scores")
        scores = self.node("Add", [scores, "mask"], f"{name}.masked")
        shares = self.node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self.node("MatMul", [shares, value], f"{name}.mixed")
        mixed = self.node("Transpose", [mixed], f"{name}.rows", perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", [mixed, "join"], f"{name}.join")
        return self.linear(mixed, out_weight, out_bias, f"{name}.out")

    def gelu(self, x, name):
        ratio = self.node("Mul", [x, "sqrt_half"], f"{name}.ratio")
        erf = self.node("Erf", [ratio], f"{name}.erf")
        gate = self.node("Add", [erf, "one"], f"{name}.gate")
        both = self.node("Mul", [x, gate], f"{name}.both")
        return self.node("Mul", [both, "half"], name)

    def build(self):
        weights, longest = self.weights, self.longest
        products = self.products()
        if len(products) != 4 * self.LAYERS + 1:
            raise ValueError(f"oov.onnx has {len(products)} linear layers, expected {4 * self.LAYERS + 1}")
        self.constant("split", np.array([1, longest, self.HEADS, self.WIDTH // self.HEADS], np.int64))
        self.constant("join", np.array([1, longest, self.WIDTH], np.int64))
        self.constant("sqrt_half", np.float32([2**-0.5]))
        self.constant("one", np.float32([1]))
        self.constant("half", np.float32([0.5]))
        embedding = self.constant("embedding", weights["m.emb.weight"])
        x = self.node("Gather", [embedding, "letters"], "embedded", axis=0)
        x = self.node("Add", [x, self.constant("places", weights["m.pos"][None, :longest])], "placed")
        for i in range(self.LAYERS):
            key, name = f"m.layers.{i}", f"layer{i}"
            joint, out, up, down = (weights[w] for w in products[4 * i : 4 * i + 4])
            y = self.norm(x, f"{key}.norm1", f"{name}.before")
            y = self.attention(y, joint, weights[f"{key}.self_attn.in_proj_bias"],
                               out, weights[f"{key}.self_attn.out_proj.bias"], f"{name}.attention")
            x = self.node("Add", [x, y], f"{name}.attended")
            y = self.norm(x, f"{key}.norm2", f"{name}.between")
            y = self.gelu(self.linear(y, up, weights[f"{key}.linear1.bias"], f"{name}.up"), f"{name}.gelu")
            y = self.linear(y, down, weights[f"{key}.linear2.bias"], f"{name}.down")
            x = self.node("Add", [x, y], f"{name}.done")
        x = self.norm(x, "m.norm", "last")
        sounds = weights["m.head.bias"].size // self.slots
        x = self.linear(x, weights[products[-1]], weights["m.head.bias"], "head")
        x = self.node("Reshape", [x, self.constant("by_slot", np.array([1, longest * self.slots, sounds], np.int64))],
                      "scores")
        graph = helper.make_graph(
            self.nodes, "oov",
            [helper.make_tensor_value_info("letters", TensorProto.INT64, [1, longest]),
             helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, 1, longest])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, longest * self.slots, sounds])],
            self.constants)
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
