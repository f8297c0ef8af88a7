"""Runs one converter inside the private environment: step.py MODEL PACKAGES OUT GOLDEN."""

import importlib
import sys
from pathlib import Path


def main() -> None:
    name, packages, out, golden = sys.argv[1], *map(Path, sys.argv[2:5])
    converter = importlib.import_module(name)
    out.mkdir(parents=True)
    golden.mkdir(parents=True)
    converter.convert(packages, out)
    converter.golden(packages, out, golden)


main()
