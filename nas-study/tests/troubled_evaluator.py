"""An evaluator for tests: what it does with a trial is decided by the trial's first choice, and by files in a folder.

0 and above 9: an accuracy from the seed; 1: NaN; 2: a failure of its own; 3: garbage; 4: an exception; 5: hangs;
6: allocates without end; 7: kills itself, but only the first N times (settings.kills); 8: ends without an answer;
9: an answer for another trial.
"""

import json
import os
import signal
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


def main():
    hello = json.loads(sys.stdin.readline())
    settings = hello["settings"] or {}
    if settings.get("refuse"):
        say(type="refused", message=settings["refuse"])
        return
    if settings.get("broken"):
        raise RuntimeError("no such library")
    say(type="ready", protocol=1, description=settings.get("description", "troubled"))
    for line in sys.stdin:
        trial = json.loads(line)
        choice, number = trial["choices"][0], trial["id"]
        log = settings.get("log")
        if log:
            with open(log, "a") as file:
                file.write(f"{number} {hello['worker']} {os.getpid()}\n")
        time.sleep(settings.get("seconds", 0))
        if choice == 1:
            say(type="evaluation", id=number, valid_accuracy=float("nan"))
        elif choice == 2:
            say(type="failure", id=number, message="the data has no such class")
        elif choice == 3:
            print("loading weights...", flush=True)
        elif choice == 4:
            raise ValueError("no such layer")
        elif choice == 5:
            time.sleep(3600)
        elif choice == 6:
            hoard = []
            while True:
                hoard.append(bytearray(b"x" * (8 << 20)))
        elif choice == 7 and kills(settings) > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        elif choice == 8:
            return
        elif choice == 9:
            say(type="evaluation", id=number + 1, valid_accuracy=0.5)
        else:
            say(
                type="evaluation",
                id=number,
                valid_accuracy=(trial["seed"] % 1000) / 1000,
                epochs=trial["epochs"],
                cost_seconds=0.25,
                device=hello["device"] or "none",
            )


def kills(settings):
    """How many deaths were left before this one."""
    path = settings["kills"]
    with open(path) as file:
        left = int(file.read())
    with open(path, "w") as file:
        file.write(str(max(left - 1, 0)))
    return left


main()
