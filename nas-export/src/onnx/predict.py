#!/usr/bin/env python3
"""Says which class images belong to, with network.onnx and preprocess.json beside this file.

    pip install numpy onnxruntime pillow
    python predict.py photo.jpg folder/*.png
    python predict.py --json --top 3 photo.jpg

Images are read as the program that trained the network reads them.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
BATCH = 64


def eight_bits(image):
    """The image in mode L or RGB, with transparent pixels on white."""
    if image.mode.startswith("I") or image.mode == "F":
        # Grey of 16 bits: scaled, not clipped.
        values = np.asarray(image).astype(np.float64)
        return Image.fromarray(np.round(values.clip(0, 65535) * 255 / 65535).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "L" else image.convert("RGB")


def border(image):
    """The mean colour of the outermost pixels, rounded."""
    pixels = np.asarray(image).astype(np.int64)
    pixels = pixels.reshape(image.height, image.width, -1)
    edge = np.zeros((image.height, image.width), bool)
    edge[[0, -1], :] = True
    edge[:, [0, -1]] = True
    count = int(edge.sum())
    mean = tuple(int(value) for value in (pixels[edge].sum(0) + count // 2) // count)
    return mean[0] if len(mean) == 1 else mean


def fitting(old, old_other, new, new_other):
    """The length of a side that is scaled so that both sides fit."""
    if old * new_other >= new * old_other:
        return new
    return min(max(round(old / old_other * new_other), 1), new)


def resized(image, width, height, how):
    if image.size == (width, height):
        return image
    if how == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    if how == "crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    if how != "pad":
        raise ValueError(f"unknown resize {how!r} in preprocess.json; expected pad, stretch or crop")
    size = (fitting(image.width, image.height, width, height), fitting(image.height, image.width, height, width))
    whole = Image.new(image.mode, (width, height), border(image))
    inner = image.resize(size, Image.Resampling.BILINEAR)
    whole.paste(inner, (round((width - size[0]) / 2), round((height - size[1]) / 2)))
    return whole


def prepare(path, config):
    """The pixels of an image file as the network takes them: uint8, C x H x W."""
    with Image.open(path) as image:
        image.load()
        image = eight_bits(ImageOps.exif_transpose(image))
    pixels = np.asarray(image)
    if image.mode == "RGB" and (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all():
        image = image.getchannel(0)
    image = resized(image, config["width"], config["height"], config["resize"])
    if config["channels"] == 1:
        return np.asarray(image.convert("L"))[None]
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def predict(session, images):
    """The probabilities of the classes, one row for each image."""
    return session.run(["probabilities"], {"image": np.stack(images)})[0]


def main():
    parser = argparse.ArgumentParser(description="Says which class images belong to.")
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--model", default=HERE / "network.onnx", help="the network [default: network.onnx beside this file]")
    parser.add_argument("--top", type=int, default=1, help="how many classes to name [default: 1]")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each image")
    args = parser.parse_args()

    config = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(str(args.model), providers=["CPUExecutionProvider"])
    failed = 0
    for start in range(0, len(args.images), BATCH):
        names, images = [], []
        for path in args.images[start : start + BATCH]:
            try:
                images.append(prepare(path, config))
                names.append(path)
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                failed += 1
                print(f"{path}: {error}", file=sys.stderr)
        if not images:
            continue
        for name, row in zip(names, predict(session, images)):
            best = np.argsort(-row, kind="stable")[: args.top]
            if args.json:
                top = [{"class": config["classes"][i], "probability": float(row[i])} for i in best]
                print(json.dumps({"file": name, "top": top}))
            else:
                print(name, "  ".join(f"{config['classes'][i]} {row[i]:.1%}" for i in best), sep="  ")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
