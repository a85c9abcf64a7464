"""Runs exported networks in onnxruntime, and has the onnx package check them.

    python onnx_cases.py DIR

DIR holds a folder for each case, as the tests of nas-export write them where NAS_EXPORT_CASES says:
network.onnx, images.bin (bytes), case.json (the images' shape and the class scores they must get).
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

BOUND = 1e-4
BATCHES = (1, 3, 7)


def main(folder):
    cases = sorted(path.parent for path in folder.glob("*/network.onnx"))
    worst, failed = 0.0, 0
    for case in cases:
        known = json.loads((case / "case.json").read_text())
        expected = np.array(known["scores"])
        images = np.frombuffer((case / "images.bin").read_bytes(), np.uint8).reshape(-1, *known["shape"])
        onnx.checker.check_model(onnx.load(case / "network.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(str(case / "network.onnx"), providers=["CPUExecutionProvider"])
        for batch in BATCHES:
            logits, probabilities = session.run(["logits", "probabilities"], {"image": images[:batch]})
            apart = np.abs(logits - expected[:batch]) / np.maximum(1, np.abs(expected[:batch]))
            worst = max(worst, float(apart.max()))
            same = (logits.argmax(1) == expected[:batch].argmax(1)).all()
            if not (apart.max() <= BOUND and same and np.allclose(probabilities.sum(1), 1, atol=1e-5)):
                failed += 1
                print(f"{case.name}: batch of {batch}: {apart.max():.1e} apart, same classes: {same}")
    print(f"onnxruntime {onnxruntime.__version__}: {len(cases)} networks, class scores at most {worst:.1e} apart")
    if not cases:
        print(f"there are no cases in {folder}")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
