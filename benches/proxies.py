#!/usr/bin/env python3
"""Zero-cost proxies: their values in PyTorch, their speed there, and how they rank NAS-Bench-201.

    pip install -r benches/requirements.txt
    python3 benches/proxies.py reference > nas-eval/src/proxy/tests/pytorch.json
    python3 benches/proxies.py speed [--proxy synflow,naswot] [--rounds 5] [--threads 2] [--proxies target/release/proxies]
    python3 benches/proxies.py rank scores.csv --accuracies nb201_acc.csv.gz --strings nb201_arch_strings.txt.gz
        [--published nb201_proxies.csv.gz] [--column c10_test200]

`reference` computes every proxy on three cells in double precision, with weights and images that follow from a formula, which the tests
repeat. `speed` times PyTorch and `target/release/proxies` in turn on the same architectures. `rank` reads what `nas score --out` has
written and prints rank correlations. Definitions are those of the papers that `nas-eval/src/proxy` names.
"""
import argparse
import csv
import gzip
import json
import math
import statistics
import subprocess
import sys
import time

OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
# Cells that between them have every operation, a state that is zero, and an edge that nothing reads.
CELLS = [
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "|none~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|",
    "|avg_pool_3x3~0|+|nor_conv_3x3~0|none~1|+|nor_conv_3x3~0|nor_conv_3x3~1|none~2|",
]
EPSILON = 1e-5


def parse(cell):
    """The edges of a cell as {(from, to): operation}."""
    edges = {}
    for to, node in enumerate(cell.split("+"), 1):
        for edge in node.strip("|").split("|"):
            operation, source = edge.split("~")
            edges[int(source), to] = operation
    return edges


def live(edges):
    """The edges on a way from the input, state 0, to the output, state 3: those that nas builds."""
    edges = {edge: op for edge, op in edges.items() if op != "none"}
    ahead, behind = {0}, {3}
    for to in (1, 2, 3):
        ahead |= {b for a, b in edges if b == to and a in ahead}
    for to in (3, 2, 1):
        behind |= {a for a, b in edges if b == to and b in behind}
    return {(a, b): op for (a, b), op in edges.items() if a in ahead and b in behind}


def networks():
    """Modules, built when torch is there."""
    import torch
    from torch import nn

    def relu_conv_bn(inputs, outputs, kernel, stride=1):
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(outputs))

    class Cell(nn.Module):
        def __init__(self, cell, channels):
            super().__init__()
            self.edges = live(parse(cell))
            makes = {
                "skip_connect": nn.Identity,
                "nor_conv_1x1": lambda: relu_conv_bn(channels, channels, 1),
                "nor_conv_3x3": lambda: relu_conv_bn(channels, channels, 3),
                "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            }
            self.operations = nn.ModuleDict({f"{a}{b}": makes[op]() for (a, b), op in self.edges.items()})

        def forward(self, x):
            states = [x, None, None, None]
            for a, b in self.edges:
                value = self.operations[f"{a}{b}"](states[a])
                states[b] = value if states[b] is None else states[b] + value
            return torch.zeros_like(x) if states[3] is None else states[3]

    class Reduction(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.body = nn.Sequential(relu_conv_bn(inputs, outputs, 3, 2), relu_conv_bn(outputs, outputs, 3))
            self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(inputs, outputs, 1, bias=False))

        def forward(self, x):
            return self.body(x) + self.shortcut(x)

    class Network(nn.Module):
        def __init__(self, cell, channels, cells, classes=10):
            super().__init__()
            layers = [nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)]
            for stage in range(3):
                if stage:
                    layers.append(Reduction(channels, 2 * channels))
                    channels *= 2
                layers += [Cell(cell, channels) for _ in range(cells)]
            self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU())
            self.classifier = nn.Linear(channels, classes)

        def forward(self, x):
            return self.classifier(self.features(x).mean((2, 3)))

    return Network


# --- values that follow from a formula ----------------------------------------------------------------------------------------------


def numbers(stream, count):
    """`count` numbers in [-1, 1): the bits of a counter, mixed."""
    import numpy

    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(2654435761) + numpy.uint32(stream) * numpy.uint32(40503)
        for factor in (0x7FEB352D, 0x846CA68B):
            x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(factor)
        x ^= x >> numpy.uint32(15)
    return x.astype(numpy.float64) / 2.0**31 - 1.0


def layers_of(net):
    from torch import nn

    return [layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]


def fill(net, scale):
    """Weights of layer number l from stream l, biases from stream 1000 + l; `scale` gives the largest magnitude for a fan-in."""
    import torch

    for number, layer in enumerate(layers_of(net)):
        bound = scale(layer.weight[0].numel())
        values = bound * numbers(number, layer.weight.numel())
        layer.weight.data = torch.from_numpy(values).reshape(layer.weight.shape)
        if layer.bias is not None:
            layer.bias.data = torch.from_numpy(bound * numbers(1000 + number, layer.bias.numel()))


# --- proxies ------------------------------------------------------------------------------------------------------------------------


def synflow(net, shape):
    """ln(1 + sum |w dR/dw|), with absolute parameters, an input of ones and no batch norms."""
    import torch
    from torch import nn

    handles = [m.register_forward_hook(lambda _, x, y: x[0]) for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    net.zero_grad()
    net(torch.ones(1, *shape, dtype=torch.float64)).sum().backward()
    flow = sum((layer.weight * layer.weight.grad).abs().sum() for layer in layers_of(net))
    for handle in handles:
        handle.remove()
    return math.log1p(flow.item())


def naswot(net, images):
    """ln det of the number of signs in which all ReLUs agree."""
    import torch
    from torch import nn

    kernel = 0

    def hook(_, inputs, __):
        nonlocal kernel
        bits = (inputs[0] > 0).flatten(1).float()
        kernel = kernel + bits @ bits.t() + (1 - bits) @ (1 - bits.t())

    handles = [m.register_forward_hook(hook) for m in net.modules() if isinstance(m, nn.ReLU)]
    with torch.no_grad():
        net(images)
    for handle in handles:
        handle.remove()
    return torch.linalg.slogdet(kernel.double()).logabsdet.item()


def of_gradients(net, images, labels):
    """Those of the loss: Fisher; gradient norm, SNIP and plain; and GraSP, differentiated twice."""
    import torch
    from torch import nn

    layers = layers_of(net)
    outputs = {}

    def keep(layer, _, output):
        output.retain_grad()
        outputs[layer] = output

    handles = [layer.register_forward_hook(keep) for layer in layers]
    nn.functional.cross_entropy(net(images), labels).backward()
    fisher = 0.0
    for layer in layers:
        output = outputs[layer]
        product = (output * output.grad).flatten(2).sum(2) if output.dim() > 2 else output * output.grad
        fisher += (product.pow(2).mean(0) / 2).sum().item() * layer.weight[0].numel()
    for handle in handles:
        handle.remove()
    loss = nn.functional.cross_entropy(net(images), labels)
    weights = [layer.weight for layer in layers]
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    product = sum((g.detach() * g).sum() for g in gradients)
    second = torch.autograd.grad(product, weights, allow_unused=True)
    return {
        "grad_norm": sum(g.norm().item() for g in gradients),
        "snip": sum((w * g).abs().sum().item() for w, g in zip(weights, gradients)),
        "plain": sum((w * g).sum().item() for w, g in zip(weights, gradients)),
        "fisher": fisher,
        "grasp": -sum((w * h).sum().item() for w, h in zip(weights, second) if h is not None),
        "l2_norm": sum(w.norm().item() for w in weights),
    }, [g.norm().item() for g in gradients]


def jacobian(net, images):
    images = images.clone().requires_grad_()
    net(images).sum().backward()
    return images.grad.flatten(1).numpy()


def jacov(rows):
    import numpy

    values = numpy.linalg.eigvalsh(numpy.corrcoef(rows))
    return -float(numpy.sum(numpy.log(values + EPSILON) + 1 / (values + EPSILON)))


def epe_nas(rows, labels):
    import numpy

    score = 0.0
    for label in set(labels):
        own = rows[[i for i, other in enumerate(labels) if other == label]]
        score += abs(float(numpy.sum(numpy.log(numpy.abs(numpy.corrcoef(own)) + EPSILON))))
    return score


def zen(net, images, moved):
    import torch
    from torch import nn

    scale = 0.0

    def hook(_, inputs, __):
        nonlocal scale
        variance = inputs[0].var((0, 2, 3), unbiased=False).mean().item()
        if variance > 0:
            scale += 0.5 * math.log(variance)

    handles = [m.register_forward_hook(hook) for m in net.features.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        before = net.features(images)
        for handle in handles:
            handle.remove()
        change = (before - net.features(moved)).abs().flatten(1).sum(1).mean().item()
    return math.log(change) + scale


# --- commands -----------------------------------------------------------------------------------------------------------------------


def reference(args):
    import torch

    torch.set_default_dtype(torch.float64)
    network = networks()
    channels, cells, shape, batch = 8, 1, (3, 16, 16), 8
    images = torch.from_numpy(1.7 * numbers(5000, batch * math.prod(shape))).reshape(batch, *shape)
    noise = torch.from_numpy(1.7 * numbers(5001, images.numel())).reshape(images.shape)
    labels = torch.arange(batch) * 7 % 3
    result = []
    for cell in CELLS:

        def fresh(scale=lambda fan_in: fan_in**-0.5):
            net = network(cell, channels, cells)
            fill(net, scale)
            return net

        scores, norms = of_gradients(fresh(), images, labels)
        rows = jacobian(fresh(), images)
        gaussian = fresh(lambda _: 3**0.5)
        scores |= {
            "naswot": naswot(fresh(), images),
            "synflow": synflow(fresh(), shape),
            "jacov": jacov(rows),
            "epe_nas": epe_nas(rows, labels.tolist()),
            "zen": zen(gaussian, images, images + 0.01 * noise),
            "parameters": sum(p.numel() for p in fresh().parameters()),
        }
        result.append({
            "cell": cell,
            "scores": scores,
            "gradient_norms": norms,
            "jacobian_norms": [float((row**2).sum() ** 0.5) for row in rows],
        })
    size = {"channels": channels, "cells": cells, "image": shape, "batch": batch, "torch": torch.__version__.split("+")[0]}
    json.dump(size | {"networks": result, "deep": deep()}, sys.stdout, indent=1)
    print()


def deep():
    """GraSP of networks as deep as the published ones."""
    import torch

    network = networks()
    channels, cells, shape, batch = 8, 5, (3, 32, 32), 8
    images = torch.from_numpy(1.7 * numbers(5000, batch * math.prod(shape))).reshape(batch, *shape)
    labels = torch.arange(batch) * 7 % 3
    scores = {}
    for cell in CELLS:
        net = network(cell, channels, cells)
        fill(net, lambda fan_in: fan_in**-0.5)
        scores[cell] = of_gradients(net, images, labels)[0]["grasp"]
    return {"channels": channels, "cells": cells, "image": shape, "batch": batch, "grasp": scores}


def random_cells(count):
    """Cells that a formula draws, the same as in `proxies.rs`."""
    cells = []
    for number in range(count):
        drawn = [int((value + 1) / 2 * 5) for value in numbers(7000 + number, 6)]
        ops = [OPERATIONS[i] for i in drawn]
        cells.append(f"|{ops[0]}~0|+|{ops[1]}~0|{ops[2]}~1|+|{ops[3]}~0|{ops[4]}~1|{ops[5]}~2|")
    return cells


def in_torch(proxy, cells, threads):
    """Seconds for each network: making it, and its score."""
    import torch

    torch.set_num_threads(threads)
    network = networks()
    images = torch.randn(64, 3, 32, 32)
    seconds = []
    for cell in cells:
        begun = time.perf_counter()
        net = network(cell, 16, 5)
        naswot(net, images) if proxy == "naswot" else synflow(net, (3, 32, 32))
        seconds.append(time.perf_counter() - begun)
    return seconds


def speed(args):
    for proxy in args.proxy.split(","):
        ours, peers = [], []
        cells = random_cells(args.networks)
        in_torch(proxy, cells[:2], args.threads)
        for _ in range(args.rounds):
            peers += in_torch(proxy, cells, args.threads)
            command = [args.proxies, proxy, "--threads", str(args.threads), *cells]
            ours += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]
        mine, peer = statistics.median(ours), statistics.median(peers)
        print(f"{proxy}: PyTorch {1e3 * peer:.1f} ms, nas {1e3 * mine:.1f} ms a network (medians of {len(ours)}), {peer / mine:.2f} times "
              f"as fast", flush=True)


def ranks(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    result, i = [0.0] * len(values), 0
    while i < len(order):
        j = i
        while j < len(order) and values[order[j]] == values[order[i]]:
            j += 1
        for k in order[i:j]:
            result[k] = (i + j - 1) / 2
        i = j
    return result


def spearman(a, b):
    a, b = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    products = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    return products / math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))


def key(arch):
    """The digits that the table of accuracies names a cell by."""
    digit = {"none": 0, "skip_connect": 1, "nor_conv_1x1": 2, "nor_conv_3x3": 3, "avg_pool_3x3": 4}
    edges = parse(arch)
    return tuple(digit[edges[edge]] for edge in [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)])


def opened(path):
    return gzip.open(path, "rt") if path.endswith(".gz") else open(path)


def rank(args):
    with opened(args.scores) as file:
        rows = list(csv.DictReader(file))
    with opened(args.strings) as file:
        number = {key(line.strip()): i for i, line in enumerate(file)}
    with opened(args.accuracies) as file:
        accuracies = list(csv.DictReader(file))
    published = None
    if args.published:
        with opened(args.published) as file:
            published = list(csv.DictReader(file))
    of = [number[key(row["arch"])] for row in rows]
    accuracy = [float(accuracies[i][args.column]) for i in of]
    print(f"{len(rows)} cells; Spearman with {args.column}" + (", and with the published column" if published else ""))
    if "params_c10_M" in accuracies[0]:
        print(f"{'published params':<18}{spearman([float(accuracies[i]['params_c10_M']) for i in of], accuracy):8.3f}")
    for proxy in [name for name in rows[0] if name != "arch"]:
        scores = [float(row[proxy]) for row in rows]
        line = f"{proxy:<18}{spearman(scores, accuracy):8.3f}"
        column = f"cifar10:{proxy}"
        if published and column in published[0]:
            line += f"{spearman(scores, [float(published[i][column]) for i in of]):8.3f}"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("reference").set_defaults(run=reference)
    timed = commands.add_parser("speed")
    timed.add_argument("--proxy", default="synflow,naswot")
    timed.add_argument("--networks", type=int, default=20)
    timed.add_argument("--rounds", type=int, default=3)
    timed.add_argument("--threads", type=int, default=2)
    timed.add_argument("--proxies", default="target/release/proxies")
    timed.set_defaults(run=speed)
    ranked = commands.add_parser("rank")
    ranked.add_argument("scores")
    ranked.add_argument("--accuracies", required=True)
    ranked.add_argument("--strings", required=True)
    ranked.add_argument("--published")
    ranked.add_argument("--column", default="c10_test200")
    ranked.set_defaults(run=rank)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
