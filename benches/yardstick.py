#!/usr/bin/env python3
"""Times the same training steps here and in PyTorch, in turn, and prints a table of ratios with peak memory.

    cargo build --release --package nas-benches --bin step
    pip install -r benches/requirements.txt
    python3 benches/yardstick.py [--works nb201,darts-eval] [--rounds 2] [--threads 2]
    python3 benches/yardstick.py --operations
    python3 benches/yardstick.py --first [--rest 20]
    python3 benches/yardstick.py --device cuda    # `step` built with --features cuda

The peer is `torch_step.py`, or another script that takes the same words as `target/release/step` and prints the same JSON object; PyTorch
is timed eagerly, in the better of its two memory layouts. Both draw random images; a step is forward, backward and update. A ratio above 1
says that this project is faster. `--first` times what comes before: from the start of the process to the end of its first step. Leave the
machine alone meanwhile.
"""
import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

WORKS = {
    "nb201": ["nb201", "--channels", "16", "--cells", "5", "--batch", "64"],
    "darts-eval": ["darts-eval", "--channels", "36", "--cells", "20", "--batch", "16"],
    "darts-search": ["darts-search", "--channels", "16", "--cells", "8", "--batch", "64"],
    "darts-search-2": ["darts-search", "--order", "2", "--channels", "16", "--cells", "8", "--batch", "64"],
}
# Each operation alone, at the sizes of the three stages of those networks; of the table `--operations`.
OPERATIONS = ["separable_3x3", "separable_5x5", "dilated_3x3", "dilated_5x5", "dense_1x1", "dense_3x3", "max_pool_3x3",
              "avg_pool_3x3"]
STAGES = [(16, 32), (32, 16), (64, 8)]


def run(command):
    """The JSON object that a command prints, with the most memory that it held and how long it took in all."""
    timed = [sys.executable, __file__, "--measure"] + command
    done = subprocess.run(timed, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(command):
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - begun
    if done.returncode:
        sys.exit(done.stderr)
    report = json.loads(done.stdout.strip().splitlines()[-1])
    # Kilobytes on Linux.
    report["seconds_before_measured_steps"] = seconds - sum(report["step_seconds"])
    report["peak_kilobytes"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps(report))


def same(ours, theirs):
    """Ends the program where the networks of both sides differ in size."""
    for peer in theirs:
        if ours["params"] != peer["params"]:
            sys.exit(f"{ours['work']} has {ours['params']} parameters here, {peer['params']} in the peer: expected the same network")


def operations(given):
    """The table of single operations: milliseconds of a step with four of them."""
    stages = [f"{channels}x{size}x{size}: this, PyTorch, ratio" for channels, size in STAGES]
    print("| operation | " + " | ".join(stages) + " |")
    print("|---|" + "---|" * len(STAGES))
    for name in OPERATIONS:
        cells = []
        for channels, size in STAGES:
            words = [name, "--channels", str(channels), "--image", str(size), "--cells", "4", "--batch", "64"]
            words += ["--threads", str(given.threads), "--steps", "15"]
            ours = [run([given.step] + words) for _ in range(given.rounds)]
            theirs = [run([given.python, given.peer] + words + layout)
                      for _ in range(given.rounds) for layout in ([], ["--channels-last"])]
            same(ours[0], theirs)
            ours, theirs = (min(report["step_seconds_median"] for report in side) for side in (ours, theirs))
            cells.append(f"{ours * 1e3:.1f}, {theirs * 1e3:.1f}, {theirs / ours:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def first_steps(given):
    """The table of what comes before the second step: each process with one step to warm up and one that is taken off."""
    print("| training step | this, s | PyTorch, s | this takes of PyTorch's |")
    print("|---|---|---|---|")
    for name in given.works.split(","):
        words = WORKS[name] + ["--threads", str(given.threads), "--device", given.device, "--steps", "1"]

        def before(command):
            time.sleep(given.rest)
            return run(command)["seconds_before_measured_steps"]

        ours, theirs = [], []
        for _ in range(given.rounds):
            ours.append(before([given.step] + words))
            peer = [given.python, given.peer] + words
            theirs.append(min(before(peer), before(peer + ["--channels-last"])))
        text = [", ".join(f"{value:.3g}" for value in values) for values in (ours, theirs)]
        parts = ", ".join(f"1/{b / a:.1f}" for a, b in zip(ours, theirs))
        print(f"| {name} | {text[0]} | {text[1]} | {parts} |", flush=True)


def main():
    if sys.argv[1:2] == ["--measure"]:
        return measure(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    parser.add_argument("--step", default=str(here.parent / "target" / "release" / "step"), help="the program of this project")
    parser.add_argument("--peer", default=str(here / "torch_step.py"), help="the script that is compared with it")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--operations", action="store_true", help="time single operations instead of whole networks")
    parser.add_argument("--first", action="store_true", help="time the start and the first step instead of the later ones")
    parser.add_argument("--rest", type=float, default=0, metavar="SECONDS",
                        help="before each process of --first: a host may take back memory that is not used")
    parser.add_argument("--works", default="nb201,darts-eval,darts-search", help=f"some of {','.join(WORKS)}")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="of whole networks")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--bf16", action="store_true", help="PyTorch with autocast to bfloat16, for whole networks")
    given = parser.parse_args()
    unknown = [name for name in given.works.split(",") if name not in WORKS]
    if unknown:
        parser.error(f"--works {','.join(unknown)}: expected some of {','.join(WORKS)}")
    if given.operations:
        return operations(given)
    if given.first:
        return first_steps(given)
    print("| training step | this, s | PyTorch, s | ratio | this, GB | PyTorch, GB |")
    print("|---|---|---|---|---|---|")
    for name in given.works.split(","):
        words = WORKS[name] + ["--threads", str(given.threads), "--device", given.device]
        # PyTorch's convolutions use TF32 unless told otherwise.
        words += ["--tf32", "on"] if given.device == "cuda" else []
        ours, theirs = [], []
        for _ in range(given.rounds):
            ours.append(run([given.step] + words + ["--steps", str(given.steps)]))
            peer = [given.python, given.peer] + words + ["--steps", str(min(given.steps, 3))]
            peer += ["--bf16"] if given.bf16 else []
            both = [run(peer), run(peer + ["--channels-last"])]
            same(ours[-1], both)
            theirs.append(min(both, key=lambda report: report["step_seconds_median"]))
        seconds = [[report["step_seconds_median"] for report in side] for side in (ours, theirs)]
        ratios = [b / a for a, b in zip(*seconds)]
        memory = [max(report["peak_kilobytes"] for report in side) / 1e6 for side in (ours, theirs)]
        text = [", ".join(f"{value:.3g}" for value in values) for values in (*seconds, ratios)]
        print(f"| {name} | {text[0]} | {text[1]} | {text[2]} | {memory[0]:.1f} | {memory[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
