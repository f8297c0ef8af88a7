"""Reads onnxruntime's `.ort` files: a graph of nodes and the tensors they use.

An `.ort` file is a FlatBuffers table (schema: onnxruntime/core/flatbuffers/schema/ort.fbs). A table
starts with a signed offset back to its vtable; the vtable lists, per field, the offset inside the
table, zero meaning absent. Field `n` stands at vtable offset 4 + 2n; the constants below are those
offsets for the few fields a conversion needs.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SESSION_MODEL = 6
MODEL_GRAPH = 18
GRAPH_INITIALIZERS, GRAPH_NODES = 4, 8
NODE_OP_TYPE, NODE_INPUTS, NODE_OUTPUTS, NODE_ATTRIBUTES = 14, 20, 22, 24
TENSOR_NAME, TENSOR_DIMS, TENSOR_DATA_TYPE, TENSOR_RAW_DATA = 4, 8, 10, 12
ATTRIBUTE_NAME, ATTRIBUTE_TYPE, ATTRIBUTE_GRAPH = 4, 8, 18
ATTRIBUTE_IS_GRAPH = 5

# onnx.TensorProto.DataType -> numpy
DATA_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_}


class OrtError(Exception):
    """The file is not an `.ort` model this reader understands."""


@dataclass
class Node:
    op: str
    inputs: list
    outputs: list


@dataclass
class Model:
    """All nodes, those inside branches included, and all constant tensors by name."""

    nodes: list
    tensors: dict


class Table:
    """One FlatBuffers table at an absolute position."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.vtable = at - struct.unpack_from("<i", data, at)[0]
        self.vtable_len = struct.unpack_from("<H", data, self.vtable)[0]

    def field(self, slot):
        """Absolute position of a field, or None when the table leaves it out."""
        if slot >= self.vtable_len:
            return None
        offset = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.at + offset if offset else None

    def number(self, slot, form):
        at = self.field(slot)
        return struct.unpack_from(form, self.data, at)[0] if at else 0

    def table(self, slot):
        at = self.field(slot)
        return Table(self.data, self._follow(at)) if at else None

    def text(self, slot):
        at = self.field(slot)
        return self._text_at(self._follow(at)) if at else ""

    def tables(self, slot):
        return [Table(self.data, self._follow(at)) for at in self._items(slot, 4)]

    def texts(self, slot):
        return [self._text_at(self._follow(at)) for at in self._items(slot, 4)]

    def array(self, slot, dtype):
        """A vector of plain numbers, without copying."""
        at = self.field(slot)
        if not at:
            return np.zeros(0, dtype)
        start = self._follow(at)
        count = struct.unpack_from("<I", self.data, start)[0]
        return np.frombuffer(self.data, dtype, count, start + 4)

    def _follow(self, at):
        return at + struct.unpack_from("<I", self.data, at)[0]

    def _text_at(self, at):
        length = struct.unpack_from("<I", self.data, at)[0]
        return self.data[at + 4 : at + 4 + length].decode()

    def _items(self, slot, size):
        at = self.field(slot)
        if not at:
            return []
        start = self._follow(at)
        count = struct.unpack_from("<I", self.data, start)[0]
        return [start + 4 + size * i for i in range(count)]


def read(path: Path) -> Model:
    data = path.read_bytes()
    if data[4:8] != b"ORTM":
        raise OrtError(f"{path}: not an .ort model (no ORTM mark)")
    session = Table(data, struct.unpack_from("<I", data, 0)[0])
    model = Model([], {})
    _read_graph(session.table(SESSION_MODEL).table(MODEL_GRAPH), model)
    return model


def _read_graph(graph, model):
    for tensor in graph.tables(GRAPH_INITIALIZERS):
        model.tensors[tensor.text(TENSOR_NAME)] = _read_tensor(tensor)
    for node in graph.tables(GRAPH_NODES):
        model.nodes.append(
            Node(node.text(NODE_OP_TYPE), node.texts(NODE_INPUTS), node.texts(NODE_OUTPUTS))
        )
        for attribute in node.tables(NODE_ATTRIBUTES):
            if attribute.number(ATTRIBUTE_TYPE, "<i") == ATTRIBUTE_IS_GRAPH:
                _read_graph(attribute.table(ATTRIBUTE_GRAPH), model)


def _read_tensor(tensor):
    code = tensor.number(TENSOR_DATA_TYPE, "<i")
    if code not in DATA_TYPES:
        raise OrtError(f"tensor {tensor.text(TENSOR_NAME)}: unexpected data type {code}")
    shape = tensor.array(TENSOR_DIMS, np.int64)
    raw = tensor.array(TENSOR_RAW_DATA, np.uint8)
    return raw.view(DATA_TYPES[code]).reshape(shape)
