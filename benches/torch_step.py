#!/usr/bin/env python3
"""One training step in PyTorch: the peer of `target/release/step`, with the same words and the same report.

    pip install -r benches/requirements.txt
    python3 benches/torch_step.py darts-search|darts-eval|nb201|OPERATION [--channels C] [--cells L] [--batch N] [--steps S]
        [--image PIXELS] [--threads T] [--device cpu|cuda] [--tf32 on|off] [--order 1|2] [--channels-last]
    python3 benches/torch_step.py --check [--nas target/release/nas]

PyTorch is eager. Networks are those of the papers: DARTS (arXiv 1806.09055), NAS-Bench-201 (arXiv 2001.00326). `--check` compares
their parameters and multiply-accumulates with those of `nas show`, and makes a small step of each.
"""
import argparse
import functools
import json
import math
import operator
import resource
import statistics
import subprocess
import sys
import time

BEGUN = time.perf_counter()

import torch  # noqa: E402, it takes a part of the time to the first step
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

RATE, MOMENTUM, DECAY = 0.025, 0.9, 3e-4
# A cell of DARTS: two edges into each of four nodes, as (operation, state); states 0 and 1 are the outputs of the two cells before.
DARTS_V2 = {
    "normal": [[("sep_conv_3x3", 0), ("sep_conv_3x3", 1)], [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)],
               [("sep_conv_3x3", 1), ("skip_connect", 0)], [("skip_connect", 0), ("dil_conv_3x3", 2)]],
    "reduction": [[("max_pool_3x3", 0), ("max_pool_3x3", 1)], [("skip_connect", 2), ("max_pool_3x3", 1)],
                  [("max_pool_3x3", 0), ("skip_connect", 2)], [("skip_connect", 2), ("max_pool_3x3", 1)]],
}
NB201_ALL_3X3 = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
MIXED = ["none", "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]
OPERATIONS = ["separable_3x3", "separable_5x5", "dilated_3x3", "dilated_5x5", "dense_1x1", "dense_3x3", "max_pool_3x3",
              "avg_pool_3x3"]
# For each work: channels, cells and batch where nothing is said.
WORKS = {"darts-search": (16, 8, 64), "darts-eval": (36, 20, 16), "nb201": (16, 5, 64),
         **{name: (16, 4, 64) for name in OPERATIONS}}


def conv(inputs, outputs, kernel, stride=1, dilation=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, groups, bias=False)


def relu_conv_bn(inputs, outputs, kernel, stride=1, affine=True):
    return nn.Sequential(nn.ReLU(), conv(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs, affine=affine))


def separable(channels, kernel, stride=1, dilation=1, affine=True):
    """ReLU, depthwise and pointwise convolution, batch norm."""
    depthwise = conv(channels, channels, kernel, stride, dilation, groups=channels)
    return nn.Sequential(nn.ReLU(), depthwise, conv(channels, channels, 1), nn.BatchNorm2d(channels, affine=affine))


def pool(kind, stride=1):
    return nn.MaxPool2d(3, stride, 1) if kind == "max" else nn.AvgPool2d(3, stride, 1, count_include_pad=False)


class Zero(nn.Module):
    """Multiplies by 0, as the authors of DARTS do."""

    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        return x[:, :, :: self.stride, :: self.stride] * 0.0


class FactorizedReduction(nn.Module):
    """Two pointwise convolutions of stride 2, one of them shifted by a pixel, beside each other."""

    def __init__(self, inputs, outputs, affine):
        super().__init__()
        self.first = conv(inputs, outputs // 2, 1, 2)
        self.second = conv(inputs, outputs - outputs // 2, 1, 2)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x):
        x = functional.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], dim=1))


def operation(name, channels, stride=1, mixed=False):
    """An operation of a cell. Those of a supernet have batch norms without scale and shift, and one after pooling."""
    if name == "none":
        return Zero(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels, not mixed)
    kind, what, size = name.split("_")
    kernel = int(size[0])
    if what == "pool":
        pooling = pool(kind, stride)
        return nn.Sequential(pooling, nn.BatchNorm2d(channels, affine=False)) if mixed else pooling
    if kind == "nor":
        return relu_conv_bn(channels, channels, kernel, stride, not mixed)
    if kind == "dil":
        return separable(channels, kernel, stride, 2, not mixed)
    return nn.Sequential(separable(channels, kernel, stride, affine=not mixed), separable(channels, kernel, affine=not mixed))


class Mixture(nn.Module):
    """The weighted sum of all eight operations on an edge."""

    def __init__(self, channels, stride):
        super().__init__()
        self.operations = nn.ModuleList(operation(name, channels, stride, mixed=True) for name in MIXED)

    def forward(self, x, weights):
        return added(weight * op(x) for weight, op in zip(weights, self.operations))


def added(maps):
    """Their sum; `sum` would add the first one to 0, a pass over memory more."""
    return functools.reduce(operator.add, maps)


class Cell(nn.Module):
    """A directed graph: each node adds up its edges. `edges` holds, for each node, pairs of a module and the state that it reads."""

    def __init__(self, inputs, edges, outputs):
        super().__init__()
        self.inputs = nn.ModuleList(inputs)
        self.nodes = nn.ModuleList(nn.ModuleList(module for module, _ in node) for node in edges)
        self.sources = [[source for _, source in node] for node in edges]
        self.outputs = outputs

    def forward(self, *inputs, weights=None):
        states = [prepare(x) for prepare, x in zip(self.inputs, inputs)]
        rows = iter(weights) if weights is not None else None
        for node, sources in zip(self.nodes, self.sources):
            maps = [module(states[source]) if rows is None else module(states[source], next(rows))
                    for module, source in zip(node, sources)]
            states.append(added(maps))
        last = states[-self.outputs:]
        return torch.cat(last, dim=1) if len(last) > 1 else last[0]


class Darts(nn.Module):
    """Cells of two inputs behind a 3x3 convolution; those at a third and at two thirds of the depth halve the maps."""

    def __init__(self, channels, cells, supernet):
        super().__init__()
        affine = not supernet
        self.stem = nn.Sequential(conv(3, 3 * channels, 3), nn.BatchNorm2d(3 * channels))
        self.cells, self.kinds = nn.ModuleList(), []
        older = newer = 3 * channels
        halved = False
        for number in range(cells):
            reduces = number in (cells // 3, 2 * cells // 3)
            channels *= 2 if reduces else 1
            stride_from = [2 if reduces and state < 2 else 1 for state in range(5)]
            # The older output is twice as large where the cell before this one has halved its maps.
            prepare = FactorizedReduction(older, channels, affine) if halved else relu_conv_bn(older, channels, 1, affine=affine)
            inputs = [prepare, relu_conv_bn(newer, channels, 1, affine=affine)]
            kind = "reduction" if reduces else "normal"
            if supernet:
                edges = [[(Mixture(channels, stride_from[state]), state) for state in range(2 + node)] for node in range(4)]
            else:
                edges = [[(operation(name, channels, stride_from[state]), state) for name, state in node]
                         for node in DARTS_V2[kind]]
            self.cells.append(Cell(inputs, edges, outputs=4))
            self.kinds.append(kind)
            older, newer, halved = newer, 4 * channels, reduces
        self.classifier = nn.Linear(newer, 10)

    def forward(self, x, alphas=None):
        weights = {kind: functional.softmax(table, dim=-1) for kind, table in alphas.items()} if alphas else {}
        older = newer = self.stem(x)
        for kind, cell in zip(self.kinds, self.cells):
            older, newer = newer, cell(older, newer, weights=weights.get(kind))
        return self.classifier(newer.mean((2, 3)))


class ResidualReduction(nn.Module):
    """Between the stages of NAS-Bench-201: halves the maps and doubles the channels."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.body = nn.Sequential(relu_conv_bn(inputs, outputs, 3, 2), relu_conv_bn(outputs, outputs, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), conv(inputs, outputs, 1))

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def nb201(channels, cells, arch=NB201_ALL_3X3):
    """Three stages of `cells` cells of one input each."""
    nodes = [[edge.split("~") for edge in node.strip("|").split("|")] for node in arch.split("+")]
    layers = [conv(3, channels, 3), nn.BatchNorm2d(channels)]
    for stage in range(3):
        if stage > 0:
            layers.append(ResidualReduction(channels, 2 * channels))
            channels *= 2
        for _ in range(cells):
            edges = [[(operation(name, channels), int(state)) for name, state in node] for node in nodes]
            layers.append(Cell([nn.Identity()], edges, outputs=1))
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def repeated(name, channels, times):
    """An operation `times` times between a pointwise convolution and a classifier."""
    kind, size = name.rsplit("_", 1)
    kernel = int(size[0])

    def one():
        if kind.endswith("_pool"):
            return pool(kind[:3])
        if kind == "dense":
            return relu_conv_bn(channels, channels, kernel)
        return separable(channels, kernel, dilation=2 if kind == "dilated" else 1)

    body = [one() for _ in range(times)]
    return nn.Sequential(conv(3, channels, 1), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def network(work, channels, cells):
    if work == "nb201":
        return nb201(channels, cells)
    if work in OPERATIONS:
        return repeated(work, channels, cells)
    return Darts(channels, cells, supernet=work == "darts-search")


class Training:
    """A network, its optimizer and the batches that each step takes again."""

    def __init__(self, given):
        self.device = torch.device(given.device)
        layout = torch.channels_last if given.channels_last else torch.contiguous_format
        self.network = network(given.work, given.channels, given.cells).to(self.device, memory_format=layout).train()
        self.weights = list(self.network.parameters())
        self.optimizer = torch.optim.SGD(self.weights, RATE, momentum=MOMENTUM, weight_decay=DECAY)
        self.order = given.order
        self.bf16 = given.bf16
        self.alphas = None
        if given.work == "darts-search":
            self.alphas = {kind: torch.zeros(14, len(MIXED), device=self.device, requires_grad=True) for kind in DARTS_V2}
        shape = (given.batch, 3, given.image, given.image)
        self.train, self.valid = (
            (torch.randn(shape, device=self.device).to(memory_format=layout), torch.randint(10, shape[:1], device=self.device))
            for _ in range(2)
        )

    def loss(self, batch):
        images, labels = batch
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            scores = self.network(images) if self.alphas is None else self.network(images, self.alphas)
            return functional.cross_entropy(scores, labels)

    def step(self):
        """One step; its training loss. That of a search has the gradient of the architecture first, which is not applied."""
        if self.alphas is not None:
            tables = list(self.alphas.values())
            if self.order == 1:
                torch.autograd.grad(self.loss(self.valid), tables)
            else:
                self.second_order(tables)
        self.optimizer.zero_grad()
        loss = self.loss(self.train)
        # Of the weights alone: what the architecture would get is not computed.
        loss.backward(inputs=self.weights)
        nn.utils.clip_grad_norm_(self.weights, 5.0)
        self.optimizer.step()
        return loss.item()

    def second_order(self, tables):
        """The gradient through a step of the weights (equations 6 to 8 of the paper, momentum and decay as in the authors' code)."""
        kept = [weight.detach().clone() for weight in self.weights]
        ahead = torch.autograd.grad(self.loss(self.train), self.weights)
        with torch.no_grad():
            for weight, gradient in zip(self.weights, ahead):
                direction = gradient.add(weight, alpha=DECAY)
                velocity = self.optimizer.state[weight].get("momentum_buffer")
                if velocity is not None:
                    direction.add_(velocity, alpha=MOMENTUM)
                weight.sub_(direction, alpha=RATE)
        both = torch.autograd.grad(self.loss(self.valid), tables + self.weights)
        gradients, direction = both[: len(tables)], both[len(tables):]
        epsilon = 0.01 / math.sqrt(sum(part.square().sum().item() for part in direction))
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, value, part in zip(self.weights, kept, direction):
                    torch.add(value, part, alpha=sign * epsilon, out=weight)
            sides.append(torch.autograd.grad(self.loss(self.train), tables))
        with torch.no_grad():
            for weight, value in zip(self.weights, kept):
                weight.copy_(value)
        return [gradient - RATE * (plus - minus) / (2 * epsilon) for gradient, plus, minus in zip(gradients, *sides)]


def report(given):
    """Makes the steps that are asked for, and one before; what `step` prints of them."""
    if given.threads:
        torch.set_num_threads(given.threads)
    if given.tf32:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = given.tf32 == "on"
    torch.manual_seed(0)
    training = Training(given)
    losses, seconds = [training.step()], []
    first = time.perf_counter() - BEGUN
    for _ in range(given.steps):
        begun = time.perf_counter()
        # The loss is read, so that a device has finished.
        losses.append(training.step())
        seconds.append(time.perf_counter() - begun)
    return {
        "work": given.work,
        "order": given.order,
        "device": torch.cuda.get_device_name() if given.device == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "params": sum(weight.numel() for weight in training.weights),
        "step_seconds_median": statistics.median(seconds) if seconds else None,
        "step_seconds": seconds,
        "first_losses": losses,
        "start_to_first_step_seconds": first,
        # Kilobytes on Linux.
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def size(built, image):
    """Parameters, and multiply-accumulates of convolutions and classifier for one image."""
    count = 0

    def counted(module, _, output):
        nonlocal count
        count += output.numel() * module.weight[0].numel()

    hooks = [module.register_forward_hook(counted) for module in built.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        built.eval()(torch.zeros(1, 3, image, image))
    for hook in hooks:
        hook.remove()
    return sum(weight.numel() for weight in built.parameters()), count


def check(nas):
    """Ends with an error unless the networks have the sizes of those that `nas` trains."""
    torch.set_num_threads(1)
    everything = "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    cases = [("DARTS_V2", channels, cells, 32, Darts(channels, cells, supernet=False)) for channels, cells in ((36, 20), (16, 8), (6, 3))]
    cases += [(arch, channels, cells, image, nb201(channels, cells, arch))
              for arch in (NB201_ALL_3X3, everything) for channels, cells, image in ((16, 5, 32), (4, 1, 16))]
    wrong = []
    for arch, channels, cells, image, built in cases:
        command = [nas, "show", arch, "--channels", channels, "--cells", cells, "--image", f"3x{image}x{image}", "--json"]
        shown = json.loads(subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True).stdout)
        here, there = size(built, image), (shown["params"], shown["macs"])
        if here != there:
            wrong.append(f"{arch}, {channels} channels, {cells} cells: {here} parameters and multiply-accumulates, and {there} in nas")
    # The authors' code prints this number.
    supernet = sum(weight.numel() for weight in Darts(16, 8, supernet=True).parameters())
    if supernet != 1_930_618:
        wrong.append(f"the supernet of DARTS has {supernet:,} parameters, and 1,930,618 in the authors' code")
    steps = [[work] for work in WORKS] + [["darts-search", "--order", "2"], ["nb201", "--channels-last"], ["nb201", "--bf16"]]
    losses = {}
    for words in steps:
        given = parsed(words + "--channels 4 --cells 3 --batch 16 --image 8 --steps 6".split())
        losses[" ".join(words)] = report(given)["first_losses"]
    # Each step takes the same batch.
    wrong += [f"{words}: expected losses that fall, got {values}" for words, values in losses.items() if not values[-1] < values[0]]
    if losses["darts-search"] != losses["darts-search --order 2"]:
        wrong.append("the gradient of second order does not leave the weights as they were")
    if wrong:
        sys.exit("\n".join(f"torch_step.py: {line}" for line in wrong))
    print(f"torch_step.py: {len(cases)} networks have the sizes of nas show, the supernet that of its paper; {len(steps)} works train")


def parsed(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", choices=list(WORKS))
    for name in ("channels", "cells", "batch"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--image", type=int, default=32, metavar="PIXELS", help="a multiple of 4")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--tf32", choices=["on", "off"], help="for CUDA")
    parser.add_argument("--order", type=int, default=1, choices=[1, 2], help="of the architecture's gradient, for darts-search")
    parser.add_argument("--channels-last", action="store_true", help="channels innermost in memory")
    parser.add_argument("--bf16", action="store_true", help="convolutions and products in bfloat16, by autocast")
    parser.add_argument("--check", action="store_true", help="compare the networks with those of nas, and time nothing")
    parser.add_argument("--nas", default="nas", help="the program to compare with")
    given = parser.parse_args(words)
    if given.check:
        return given
    if given.work is None:
        parser.error("expected a work or --check")
    if given.image % 4:
        parser.error(f"--image {given.image}: expected a multiple of 4, which can be halved twice")
    for name, usual in zip(("channels", "cells", "batch"), WORKS[given.work]):
        if getattr(given, name) is None:
            setattr(given, name, usual)
    return given


def main():
    given = parsed(sys.argv[1:])
    if given.check:
        return check(given.nas)
    print(json.dumps(report(given)))


if __name__ == "__main__":
    main()
