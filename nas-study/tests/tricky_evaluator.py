"""An evaluator for tests that does not keep to the protocol: what it does is settings.trick.

shut-input: closes its standard input when it is ready, and goes on; shut-output: closes its standard output when it is
asked, and goes on; early: answers the next trial, too, before it is asked; ahead: answers trials 0 to 9 when it is ready;
twice: gives each answer twice; cost, loss: a figure that no training has; escape: starts a process in a session of its own
and writes its number to settings.log.
"""

import json
import os
import subprocess
import sys
import time


def say(**message):
    print(json.dumps(message), flush=True)


def answer(number, **more):
    say(type="evaluation", id=number, valid_accuracy=0.5, cost_seconds=0.25, **more)


def main():
    settings = json.loads(sys.stdin.readline())["settings"]
    trick = settings["trick"]
    say(type="ready", protocol=1, description="tricky")
    if trick == "shut-input":
        os.close(0)
        time.sleep(3600)
    if trick == "ahead":
        for number in range(10):
            answer(number)
        time.sleep(3600)
    if trick == "escape":
        script = "import time; time.sleep(3600)"
        child = subprocess.Popen(
            ["setsid", sys.executable, "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        with open(settings["log"], "w") as file:
            file.write(str(child.pid))
    for line in sys.stdin:
        number = json.loads(line)["id"]
        if trick == "shut-output":
            os.close(1)
            time.sleep(3600)
        elif trick == "early":
            answer(number)
            answer(number + 1)
        elif trick == "twice":
            answer(number)
            answer(number)
        elif trick == "cost":
            say(type="evaluation", id=number, valid_accuracy=0.5, cost_seconds=1e308)
        elif trick == "loss":
            answer(number, valid_loss=-1e308)
        else:
            answer(number)


main()
