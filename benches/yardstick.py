#!/usr/bin/env python3
"""Times the same training steps here and in PyTorch, in turn, and prints a table of ratios with peak memory.

    cargo build --release --package nas-benches --bin step
    python3 benches/yardstick.py --peer PATH/torch_peer.py [--python PYTHON] [--works nb201,darts-eval] [--rounds 2] [--threads 2]

The peer is a script that takes the same words as `target/release/step` and prints the same JSON object; PyTorch is timed
eagerly, in the better of its two memory layouts. Both draw random images; a step is forward, backward and update. A
ratio above 1 says that this project is faster. Leave the machine alone meanwhile.
"""
import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

WORKS = {
    "nb201": ["nb201", "--channels", "16", "--cells", "5", "--batch", "64"],
    "darts-eval": ["darts-eval", "--channels", "36", "--cells", "20", "--batch", "16"],
    "darts-search": ["darts-search", "--channels", "16", "--cells", "8", "--batch", "64"],
}


def run(command):
    """The JSON object a command prints, with the most memory it held and how long it took in all."""
    timed = [sys.executable, __file__, "--measure"] + command
    done = subprocess.run(timed, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    report = json.loads(done.stdout.strip().splitlines()[-1])
    # Kilobytes on Linux.
    report["peak_kilobytes"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps(report))


def main():
    if sys.argv[1:2] == ["--measure"]:
        return measure(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, type=Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--works", default="nb201,darts-eval,darts-search")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    given = parser.parse_args()
    step = Path(__file__).resolve().parent.parent / "target" / "release" / "step"
    print("| training step | this, s | PyTorch, s | ratio | this, GB | PyTorch, GB |")
    print("|---|---|---|---|---|---|")
    for name in given.works.split(","):
        words = WORKS[name] + ["--threads", str(given.threads)]
        ours, theirs = [], []
        for _ in range(given.rounds):
            steps = ["--steps", str(given.steps)]
            ours.append(run([str(step)] + words + steps))
            peer = [given.python, str(given.peer)] + words + ["--steps", str(min(given.steps, 3))]
            both = [run(peer), run(peer + ["--channels-last"])]
            theirs.append(min(both, key=lambda report: report["step_seconds_median"]))
        seconds = [[report["step_seconds_median"] for report in side] for side in (ours, theirs)]
        ratios = [b / a for a, b in zip(*seconds)]
        memory = [max(report["peak_kilobytes"] for report in side) / 1e6 for side in (ours, theirs)]
        text = [", ".join(f"{value:.3g}" for value in values) for values in (*seconds, ratios)]
        print(f"| {name} | {text[0]} | {text[1]} | {text[2]} | {memory[0]:.1f} | {memory[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
