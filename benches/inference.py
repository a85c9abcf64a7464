#!/usr/bin/env python3
"""Images a second of `nas predict` and of onnxruntime, on networks that `nas export` has written.

    pip install -r benches/requirements.txt
    python3 benches/inference.py --nas target/release/nas --image photo.jpg RUN_OR_FILE EXPORT [RUN_OR_FILE EXPORT ...]

EXPORT is the folder of the export. Both run in turn, for some rounds, on the same number of threads; decoding is not
counted. Prints a row for each network and batch: images a second of each round, and their ratio.
"""

import argparse
import json
import pathlib
import subprocess
import time

import numpy as np
import onnxruntime

BATCHES = (1, 8, 64)
SECONDS = 1.0


def ours(nas, network, image, threads):
    command = [nas, "predict", network, image, "--bench", "--json", "--threads", str(threads)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {speed["batch"]: speed["images_per_second"] for speed in json.loads(printed)["bench"]}


def theirs(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    speeds = {}
    for batch in BATCHES:
        images = {"image": np.full((batch, *session.get_inputs()[0].shape[1:]), 127, np.uint8)}
        session.run(["probabilities"], images)
        passes, start = 0, time.perf_counter()
        while passes < 3 or time.perf_counter() - start < SECONDS:
            session.run(["probabilities"], images)
            passes += 1
        speeds[batch] = batch * passes / (time.perf_counter() - start)
    return speeds


def main():
    parser = argparse.ArgumentParser(description="Images a second of nas predict and of onnxruntime, in turn.")
    parser.add_argument("networks", nargs="+", metavar="NETWORK EXPORT")
    parser.add_argument("--nas", default="nas")
    parser.add_argument("--image", required=True, help="any image file: the network has to be given one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if len(args.networks) % 2:
        parser.error("expected a network and its export, in turn")
    for network, export in zip(args.networks[::2], args.networks[1::2]):
        rounds = []
        for _ in range(args.rounds):
            rounds.append((ours(args.nas, network, args.image, args.threads), theirs(pathlib.Path(export) / "network.onnx", args.threads)))
        for batch in BATCHES:
            here = [mine[batch] for mine, _ in rounds]
            there = [other[batch] for _, other in rounds]
            texts = (", ".join(f"{value:.0f}" for value in values) for values in (here, there))
            ratios = ", ".join(f"{a / b:.2f}" for a, b in zip(here, there))
            print(f"| {network} | {batch} | {' | '.join(texts)} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
