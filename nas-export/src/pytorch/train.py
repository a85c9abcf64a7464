#!/usr/bin/env python3
"""Trains the network on, from model.safetensors, with the recipe that it was trained with.

    pip install torch numpy pillow
    python train.py FOLDER                  # a folder of images for each class, named as in preprocess.json
    python train.py FILE.npz --epochs 10    # arrays x: bytes, N x H x W or N x H x W x C; y: labels
    python train.py FOLDER --valid OTHER --learning-rate 0.01 --out trained.safetensors

Images are read as the program that trained the network reads them. Batches are drawn with random
numbers of PyTorch's, so the result is not that of the other program to the last digit.
Left out: __LEFT_OUT__.
"""

import argparse
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import model
from prepare import prepare

HERE = pathlib.Path(__file__).resolve().parent

EPOCHS = __EPOCHS__
BATCH_SIZE = __BATCH_SIZE__
LEARNING_RATE = __LEARNING_RATE__
WARM_UP = __WARM_UP__  # share of the training
LABEL_SMOOTHING = __LABEL_SMOOTHING__
BALANCED_CLASSES = __BALANCED_CLASSES__  # rare classes weigh more
AUXILIARY_WEIGHT = __AUXILIARY_WEIGHT__
DROP_PATH = __DROP_PATH__
CLIP_NORM = __CLIP_NORM__  # 0 for no limit
WEIGHT_DECAY = __WEIGHT_DECAY__
SPARE_NORM_AND_BIAS = __SPARE_NORM_AND_BIAS__  # no decay for parameters of one dimension
CROP_PADDING = __CROP_PADDING__
CROP_FILL = __CROP_FILL__  # a mode of torch.nn.functional.pad
FLIP = __FLIP__
CUTOUT = __CUTOUT__  # side of the square, 0 for none


def read_data(path, config):
    """All images as bytes, N x C x H x W, and their labels."""
    path = pathlib.Path(path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            x, y = arrays["x"], arrays["y"].reshape(-1)
        x = x[:, None] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        expected = (config["channels"], config["height"], config["width"])
        if x.dtype != np.uint8 or x.shape[1:] != expected:
            raise SystemExit(f"{path}: x is {x.dtype} of {x.shape[1:]}; expected uint8 of {expected} (C x H x W)")
        names = {name: label for label, name in enumerate(config["classes"])}
        labels = [names.get(str(label), label) for label in y.tolist()]
        return torch.from_numpy(np.ascontiguousarray(x)), torch.tensor(labels)
    images, labels = [], []
    for label, name in enumerate(config["classes"]):
        for file in sorted((path / name).rglob("*")):
            if file.is_file():
                images.append(prepare(file, config))
                labels.append(label)
    if not images:
        raise SystemExit(f"{path}: no images; expected a folder for each of {', '.join(config['classes'])}")
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def augment(images):
    """Crops, mirrors and blanks a part of each image, as floats."""
    images = images.float()
    n, _, height, width = images.shape
    if CROP_PADDING:
        padded = F.pad(images, (CROP_PADDING,) * 4, mode=CROP_FILL)
        places = torch.randint(2 * CROP_PADDING + 1, (n, 2)).tolist()
        images = torch.stack([padded[i, :, t : t + height, l : l + width] for i, (t, l) in enumerate(places)])
    if FLIP:
        flipped = (torch.rand(n, 1, 1, 1) < 0.5).to(images.device)
        images = torch.where(flipped, images.flip(3), images)
    if CUTOUT:
        mean = torch.tensor(model.MEAN, device=images.device).view(-1, 1, 1)
        for image in images:
            top, left = (int(torch.randint(size, ())) - CUTOUT // 2 for size in (height, width))
            image[:, max(top, 0) : top + CUTOUT, max(left, 0) : left + CUTOUT] = mean
    return images


def learning_rate(base, epochs, steps_per_epoch, epoch, step):
    """The rate of a step: a warm-up, then a curve."""
    ticks_per_epoch = __TICKS_PER_EPOCH__
    tick = __TICK__
    total = epochs * ticks_per_epoch
    warm_up = math.floor(WARM_UP * total + 0.5)
    if tick < warm_up:
        return base * (tick + 1) / (warm_up + 1)
    tick, total = tick - warm_up, max(total - warm_up, 1)
__CURVE__


def optimizer_of(network, rate):
    decayed, spared = [], []
    for parameter in network.parameters():
        (spared if SPARE_NORM_AND_BIAS and parameter.dim() <= 1 else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": spared, "weight_decay": 0.0}]
    return __OPTIMIZER__


def losses(network, images, labels, weights=None):
    """The loss of a batch, and that with the auxiliary head's share."""

    def loss(logits):
        return F.cross_entropy(logits, labels, weight=weights, label_smoothing=LABEL_SMOOTHING)

    scores = network(images)
    if isinstance(scores, tuple):
        main = loss(scores[0])
        return main, main + AUXILIARY_WEIGHT * loss(scores[1])
    main = loss(scores)
    return main, main


def class_weights(labels, classes):
    """n / (k n_c) for n images in k classes that have any, n_c of them in class c."""
    counts = torch.bincount(labels, minlength=classes).float()
    weights = len(labels) / (counts.count_nonzero() * counts)
    return torch.where(counts > 0, weights, torch.zeros_like(weights))


def batches(count):
    """The places of the images of each batch: a single last one joins the batch before it."""
    order = torch.randperm(count)
    starts = list(range(0, count, BATCH_SIZE))
    if len(starts) > 1 and count % BATCH_SIZE == 1:
        starts.pop()
    return [order[start:end] for start, end in zip(starts, starts[1:] + [count])]


def train(network, images, labels, epochs=EPOCHS, rate=LEARNING_RATE, after=lambda epoch, loss: None):
    """Trains on all images; `after` is told the number and the mean loss of each epoch."""
    device = next(network.parameters()).device
    optimizer = optimizer_of(network, rate)
    weights = class_weights(labels, len(model.CLASSES)).to(device) if BALANCED_CLASSES else None
    for epoch in range(epochs):
        network.train()
        model.set_drop_path(network, DROP_PATH * epoch / epochs)
        total = 0.0
        parts = batches(len(images))
        for step, part in enumerate(parts):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(rate, epochs, len(parts), epoch, step)
            batch = augment(images[part].to(device))
            loss, whole = losses(network, batch, labels[part].to(device), weights)
            optimizer.zero_grad()
            whole.backward()
            if CLIP_NORM:
                torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimizer.step()
            total += loss.item() * len(part)
        after(epoch, total / len(images))


@torch.no_grad()
def accuracy(network, images, labels):
    network.eval()
    device = next(network.parameters()).device
    parts = torch.arange(len(images)).split(256)
    hits = [(network(images[part].to(device)).argmax(1).cpu() == labels[part]).sum().item() for part in parts]
    return sum(hits) / len(images)


def main():
    parser = argparse.ArgumentParser(description="Trains the network on.")
    parser.add_argument("data", help="a folder of images or an .npz file")
    parser.add_argument("--valid", help="images that the accuracy is measured on after each epoch, in the same form")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--out", default="trained.safetensors", help="where the weights go [default: trained.safetensors]")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()

    config = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
    images, labels = read_data(args.data, config)
    valid = read_data(args.valid, config) if args.valid else None
    network = model.load().to(args.device)

    def after(epoch, loss):
        measured = f", validation accuracy {accuracy(network, *valid):.2%}" if valid else ""
        print(f"epoch {epoch + 1} of {args.epochs}: loss {loss:.4f}{measured}", flush=True)

    train(network, images, labels, args.epochs, args.learning_rate, after)
    model.save(network, args.out)
    print(f"written: {args.out}")


if __name__ == "__main__":
    main()
