"""Runs one converter inside the private environment: step.py MODEL PACKAGES INTO.

INTO gets `out` (the converted files), `golden` (references for the tests) and `contract.json` (what
each graph takes and gives, which the manifest shows).
"""

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    name, packages, into = sys.argv[1], *map(Path, sys.argv[2:4])
    out, golden = into / "out", into / "golden"
    for folder in (out, golden):
        folder.mkdir(parents=True)
    converter = importlib.import_module(name)
    converter.convert(packages, out)
    converter.golden(packages, out, golden)
    contracts = {f"{name}/{path.name}": contract(path) for path in sorted(out.glob("*.onnx"))}
    (into / "contract.json").write_text(json.dumps(contracts), encoding="utf-8")


def contract(path: Path) -> dict[str, list[str]]:
    """Inputs and outputs of the graph in `path`, each as "name type[shape]"."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return {"inputs": [*map(tensor, graph.input)], "outputs": [*map(tensor, graph.output)]}


def tensor(value) -> str:
    import onnx

    kind = value.type.tensor_type
    name = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
    short = {"float": "f32", "int64": "i64", "uint8": "u8", "int8": "i8"}.get(name, name)
    shape = ",".join(str(d.dim_param or d.dim_value) for d in kind.shape.dim)
    return f"{value.name} {short}[{shape}]"


if __name__ == "__main__":
    main()
