#!/usr/bin/env python3
"""Says which class images belong to.

    pip install torch numpy pillow
    python predict.py photo.jpg folder/*.png
"""

import json
import pathlib
import sys

import numpy as np
import torch

import model
from prepare import prepare


def main():
    config = json.loads((pathlib.Path(__file__).resolve().parent / "preprocess.json").read_text(encoding="utf-8"))
    network = model.load().eval()
    for path in sys.argv[1:]:
        image = torch.from_numpy(np.array(prepare(path, config)))
        with torch.no_grad():
            probabilities = network(image[None])[0].softmax(0)
        best = int(probabilities.argmax())
        print(f"{path}  {model.CLASSES[best]} {float(probabilities[best]):.1%}")


if __name__ == "__main__":
    main()
