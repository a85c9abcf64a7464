"""An evaluator of your own for `nas search --evaluator`, in Python and without any library.

    nas search random --space nb201 --evaluator 'python3 nas-study/examples/evaluator.py' --trials 10

`serve` is the whole protocol (see EVALUATORS.md beside this folder): copy it, and put your training in the place of `train`.
What is trained here is small and real: a perceptron with one hidden layer, on points of two interleaved half-circles. How wide
it is, and by which rate it learns, is read off the architecture.
"""

import json
import math
import random
import sys


def serve(description, evaluate):
    """Answers trials until standard input ends. `evaluate(trial, hello)` gives a dict of figures, or raises."""
    answer = sys.stdout
    # What a library prints must not come between the answers.
    sys.stdout = sys.stderr

    def say(message):
        answer.write(json.dumps(message) + "\n")
        answer.flush()

    hello = json.loads(sys.stdin.readline())
    if hello["protocol"] != 1:
        say({"type": "refused", "message": f"this speaks version 1 of the protocol, not {hello['protocol']}"})
        return
    say({"type": "ready", "protocol": 1, "description": description(hello)})
    for line in sys.stdin:
        trial = json.loads(line)
        try:
            figures = evaluate(trial, hello)
        except ValueError as error:
            # This architecture cannot be: say so, and go on with the next. Other exceptions end the program, whose last
            # words `nas` records with the trial.
            say({"type": "failure", "id": trial["id"], "kind": "invalid", "message": str(error)})
        else:
            say({"type": "evaluation", "id": trial["id"], **figures})


def half_circles(count, source):
    """Points of two interleaved half-circles, with noise, and which of the two each is of."""
    points = []
    for i in range(count):
        angle, label = math.pi * source.random(), i % 2
        x, y = math.cos(angle), math.sin(angle)
        if label:
            x, y = 1 - x, 0.5 - y
        points.append(((x + source.gauss(0, 0.2), y + source.gauss(0, 0.2)), label))
    return points


def train(width, rate, epochs, seed):
    """Accuracy on points that were not trained on, after so many epochs."""
    data = random.Random(1)
    training, validation = half_circles(120, data), half_circles(200, data)
    # All chance comes from the trial's seed: the same trial gives the same figures.
    source = random.Random(seed)
    hidden = [[source.gauss(0, 1) for _ in range(3)] for _ in range(width)]
    output = [source.gauss(0, 1 / width) for _ in range(width + 1)]

    def forward(point):
        values = [math.tanh(a * point[0] + b * point[1] + c) for a, b, c in hidden]
        score = sum(w * v for w, v in zip(output, values)) + output[-1]
        return values, 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))

    for _ in range(epochs):
        source.shuffle(training)
        for point, label in training:
            values, probability = forward(point)
            error = probability - label
            for i, value in enumerate(values):
                inner = error * output[i] * (1 - value * value)
                output[i] -= rate * error * value
                for j, x in enumerate((point[0], point[1], 1.0)):
                    hidden[i][j] -= rate * inner * x
            output[-1] -= rate * error
    hits = sum((forward(point)[1] > 0.5) == bool(label) for point, label in validation)
    return hits / len(validation)


def description(hello):
    """Everything that decides an evaluation besides the trial: equal descriptions, comparable accuracies."""
    return f"perceptron on half-circles, space {hello['settings']['space']}"


def evaluate(trial, hello):
    """The figures of a trial."""
    width = 1 + sum(trial["choices"])
    return {
        "valid_accuracy": train(width, 0.1, trial["epochs"], trial["seed"]),
        "params": 4 * width + 1,
        "epochs": trial["epochs"],
        "device": hello["device"] or "cpu",
    }


if __name__ == "__main__":
    serve(description, evaluate)
