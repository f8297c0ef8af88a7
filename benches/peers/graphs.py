"""Our recogniser's graphs in standard operators, for onnxruntime: `graphs.py FOLDER` writes them.

`Int8` spells the network of models/convert/asr.py with DynamicQuantizeLinear and MatMulInteger, which
is how the package's graphs compute too; convolutions, attention and norms are float there as well. An
activation that feeds several layers is quantised once, as onnxruntime's own optimiser would have it.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models" / "convert"))

import moonshine_voice  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402

import asr  # noqa: E402
import asr_golden  # noqa: E402

PACKAGES = Path(moonshine_voice.__file__).resolve().parents[1]

class Int8(asr_golden.Plain):
    """Spelled in standard ONNX over the weights as they are, in 8 bits."""

    def __init__(self):
        super().__init__()
        self.quantised = {}

    def quantise(self, x):
        """Names of the bytes of `x`, their scale and their zero point."""
        if x not in self.quantised:
            names = [f"{x}.bytes", f"{x}.scale", f"{x}.zero"]
            self.nodes.append(onnx.helper.make_node("DynamicQuantizeLinear", [x], names))
            self.quantised[x] = names
        return self.quantised[x]

    def linear(self, x, name, weight, activation="none", residual=None, out=None):
        codes, scale, zero = self.quantise(x)
        parts = [self.constant(weight.bytes, f"{name}.bytes"), zero]
        parts.append(self.constant(weight.zero, f"{name}.zero"))
        product = self.op("MatMulInteger", [codes, *parts])
        product = self.op("Cast", [product], to=onnx.TensorProto.FLOAT)
        own_scale = self.constant(np.float32(weight.scale), f"{name}.scale")
        product = self.op("Mul", [product, self.op("Mul", [scale, own_scale])])
        last = activation == "none" and not residual
        bias = self.constant(weight.bias, f"{name}.bias")
        x = self.op("Add", [product, bias], out=out if last else None)
        if activation == "gelu":
            x = self.op("Gelu", [x])
        return self.op("Add", [x, residual]) if residual else x


def write(folder):
    """The two graphs, and what a caller has to know to feed them."""
    from_sound, from_tokens = asr.load_weights(PACKAGES)
    encoder = asr.encoder(Int8(), from_sound, from_tokens).SerializeToString()
    decoder = asr.decoder(Int8(), from_tokens).SerializeToString()
    (folder / "encoder.onnx").write_bytes(encoder)
    (folder / "decoder.onnx").write_bytes(decoder)
    head = from_tokens.linear["logits"]
    np.savez(
        folder / "feed.npz",
        inv_freq=from_sound.tensors["onnx::Expand_202"].reshape(1, -1),
        embedding=head.bytes.T,
        scale=np.float32(head.scale),
        zero=np.float32(head.zero),
        hop=asr.HOP,
        overhang=asr.OVERHANG,
        layers=asr.LAYERS,
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
