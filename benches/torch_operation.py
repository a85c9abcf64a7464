#!/usr/bin/env python3
"""One operation, repeated, in PyTorch: the peer of `target/release/step OPERATION`, with the same words and the same report.

    python3 torch_operation.py separable_3x3 --channels 16 --image 32 --cells 4 --batch 64 --threads 2 [--channels-last]
"""
import argparse
import json
import statistics
import time

import torch
from torch import nn


def operation(name, channels):
    kind, size = name.rsplit("_", 1)
    size = int(size[0])
    if kind == "max_pool":
        return nn.MaxPool2d(size, 1, size // 2)
    if kind == "avg_pool":
        return nn.AvgPool2d(size, 1, size // 2, count_include_pad=False)
    if kind == "dense":
        convolutions = [nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)]
    else:
        dilation = {"separable": 1, "dilated": 2}[kind]
        padding = dilation * (size // 2)
        depthwise = nn.Conv2d(channels, channels, size, 1, padding, dilation, groups=channels, bias=False)
        convolutions = [depthwise, nn.Conv2d(channels, channels, 1, bias=False)]
    return nn.Sequential(nn.ReLU(), *convolutions, nn.BatchNorm2d(channels))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operation")
    for name, default in [("channels", 16), ("image", 32), ("cells", 4), ("batch", 64), ("threads", 2), ("steps", 10)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--channels-last", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if given.channels_last else torch.contiguous_format
    body = [operation(given.operation, given.channels) for _ in range(given.cells)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given.channels, 10)]
    net = nn.Sequential(nn.Conv2d(3, given.channels, 1, bias=False), *body, *head).to(memory_format=layout)
    update = torch.optim.SGD(net.parameters(), 0.025, momentum=0.9, weight_decay=3e-4)
    images = torch.randn(given.batch, 3, given.image, given.image).to(memory_format=layout)
    labels = torch.randint(0, 10, (given.batch,))
    seconds = []
    for _ in range(given.steps + 2):
        start = time.perf_counter()
        update.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        update.step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[2:])
    print(json.dumps({"work": given.operation, "step_seconds_median": median, "step_seconds": seconds}))


if __name__ == "__main__":
    main()
