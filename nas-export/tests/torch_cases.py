"""Runs exported networks in PyTorch.

    python torch_cases.py DIR

DIR holds a folder for each case, as the tests of nas-export write them where NAS_EXPORT_CASES says:
the files of the export, images.bin (bytes), case.json (what the network must give). Where a recipe
is tested, what PyTorch has trained on is saved there, for the tests of nas-export to read back.
"""

import importlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

BOUND = 1e-4
LOSS_BOUND = 1e-3


def fail(what):
    raise AssertionError(what)


def apart(got, expected):
    expected = torch.tensor(expected, dtype=torch.float64)
    got = got.detach().double()
    if got.shape != expected.shape:
        fail(f"{tuple(got.shape)} scores, expected {tuple(expected.shape)}")
    return float(((got - expected).abs() / expected.abs().clamp(min=1)).nan_to_num(torch.inf).max())


def imported(case):
    """The modules of a case: no other's are known any more."""
    for name in ("model", "train", "prepare"):
        sys.modules.pop(name, None)
    sys.path[0] = str(case)
    importlib.invalidate_caches()
    return importlib.import_module("model"), importlib.import_module("train")


def check_scores(model, known, images):
    network = model.load().eval()
    names = set(network.state_dict())
    tensors, _ = model.read_safetensors(model.WEIGHTS)
    if names != set(tensors):
        fail(f"names differ: {sorted(names ^ set(tensors))}")
    with torch.no_grad():
        worst = max(apart(network(images), known["scores"]), apart(network(images.float()), known["scores"]))
    if worst > BOUND:
        fail(f"class scores are {worst:.1e} apart")
    return worst


def check_training_pass(model, known, images):
    network = model.load().train()
    model.set_drop_path(network, 0.0)
    scores = network(images)
    scores = scores if isinstance(scores, tuple) else (scores,)
    labels = torch.tensor(known["labels"])
    losses = [F.cross_entropy(logits, labels, label_smoothing=known["smoothing"]) for logits in scores]
    worst = apart(torch.stack(losses), known["losses"])
    if worst > LOSS_BOUND:
        fail(f"losses are {worst:.1e} apart")
    sum(losses).backward()
    with torch.no_grad():
        after = apart(network.eval()(images), known["scores_after"])
    if after > LOSS_BOUND:
        fail(f"class scores after a training pass are {after:.1e} apart")
    return worst


def check_drop_path(model):
    layer = model.DropPath()
    layer.rate = 0.25
    dropped = layer.train()(torch.ones(4000, 2, 3, 3)).flatten(1)
    share = float((dropped[:, 0] == 0).double().mean())
    kept = dropped[dropped[:, 0] != 0]
    if not 0.2 < share < 0.3 or not torch.allclose(kept, torch.full_like(kept, 4 / 3)):
        fail(f"drop-path drops {share} at a rate of 0.25")
    if not torch.equal(layer.eval()(dropped), dropped):
        fail("drop-path drops outside of training")


def check_augmentation(train, model):
    """Crop and cutout against their definitions, on an image whose pixels are all different."""
    train.CROP_PADDING, train.CROP_FILL, train.FLIP, train.CUTOUT = 2, "constant", True, 0
    image = torch.arange(1.0, 3 * 8 * 8 + 1).reshape(1, 3, 8, 8)
    padded = F.pad(image, (2, 2, 2, 2))
    crops = [padded[0, :, t : t + 8, l : l + 8] for t in range(5) for l in range(5)]
    crops += [crop.flip(2) for crop in crops]
    found = set()
    for varied in train.augment(image.repeat(2000, 1, 1, 1)):
        found.add(next((i for i, crop in enumerate(crops) if torch.equal(crop, varied)), None))
    if found != set(range(50)):
        fail(f"of 50 crops there are {len(found - {None})}, others: {None in found}")
    train.CROP_PADDING, train.FLIP, train.CUTOUT = 0, False, 3
    mean = torch.tensor(model.MEAN).view(3, 1, 1)
    blank = [((varied == mean) & (varied != image[0])).all(0).sum().item() for varied in train.augment(image.repeat(500, 1, 1, 1))]
    if set(blank) != {4, 6, 9}:
        fail(f"squares of 3 pixels blank {set(blank)} pixels")


def check_recipe(case, model, train, known, images):
    rates = known["rates"]
    steps = rates["steps_per_epoch"]
    got = [
        train.learning_rate(train.LEARNING_RATE, rates["epochs"], steps, tick // steps, tick % steps)
        for tick in range(rates["epochs"] * steps)
    ]
    worst = apart(torch.tensor(got, dtype=torch.float64), rates["rates"])
    if worst > 1e-12:
        fail(f"learning rates are {worst:.1e} apart")
    network = model.load()
    losses = []
    train.train(network, images, torch.tensor(known["labels"]), after=lambda _, loss: losses.append(loss))
    worst = apart(torch.tensor(losses), known["trained_losses"])
    if worst > LOSS_BOUND:
        fail(f"the losses of {len(losses)} epochs are {worst:.1e} apart: {losses}, expected {known['trained_losses']}")
    model.save(network, case / "saved.safetensors")
    with torch.no_grad():
        expected = network.eval()(images)
        again = model.load(case / "saved.safetensors").eval()(images)
    if not torch.equal(again, expected):
        fail("what is saved is not what is loaded")
    (case / "saved.json").write_text(json.dumps(expected.double().tolist()))
    return worst


def check_programs(case, model, images):
    """train.py and predict.py as they are typed."""
    data = case / "data"
    for name in model.CLASSES:
        (data / name).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images[:2].numpy()):
            Image.fromarray(image.transpose(1, 2, 0)).save(data / name / f"{number}.png")
    arrays = case / "data.npz"
    np.savez(arrays, x=images.numpy().transpose(0, 2, 3, 1), y=np.arange(len(images)) % len(model.CLASSES))
    python = [sys.executable, "-W", "error"]
    for source in (data, arrays):
        out = case / "trained.safetensors"
        out.unlink(missing_ok=True)
        arguments = ["train.py", str(source), "--valid", str(source), "--epochs", "2", "--device", "cpu", "--out", str(out)]
        printed = subprocess.run(python + arguments, cwd=case, check=True, capture_output=True, text=True).stdout
        if printed.count("validation accuracy") != 2 or not model.load(out):
            fail(f"train.py printed {printed!r}")
    image = data / model.CLASSES[0] / "0.png"
    printed = subprocess.run(python + ["predict.py", str(image)], cwd=case, check=True, capture_output=True, text=True).stdout
    with torch.no_grad():
        best = int(model.load().eval()(images[:1])[0].argmax())
    if model.CLASSES[best] not in printed:
        fail(f"predict.py printed {printed!r}, expected {model.CLASSES[best]!r}")


def main(folder):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    sys.path.insert(0, "")
    cases = sorted(path.parent for path in folder.glob("*/model.py"))
    worst = {"class scores": 0.0, "losses of a pass": 0.0, "losses of a training": 0.0}
    failed = 0
    for case in cases:
        known = json.loads((case / "case.json").read_text())
        images = torch.frombuffer(bytearray((case / "images.bin").read_bytes()), dtype=torch.uint8)
        images = images.reshape(-1, *known["shape"])
        model, train = imported(case)

        def keep(name, value):
            worst[name] = max(worst[name], value)

        try:
            if "scores" in known:
                keep("class scores", check_scores(model, known, images))
            if "losses" in known:
                keep("losses of a pass", check_training_pass(model, known, images))
            if "rates" in known:
                keep("losses of a training", check_recipe(case, model, train, known, images))
            if case.name == "recipe-0-torch":
                check_drop_path(model)
                check_augmentation(train, model)
                check_programs(case, model, images)
        except Exception as error:
            failed += 1
            print(f"{case.name}: {type(error).__name__}: {error}")
    figures = ", ".join(f"{name} at most {value:.1e} apart" for name, value in worst.items())
    print(f"PyTorch {torch.__version__}: {len(cases)} networks, {figures}")
    if not cases:
        print(f"there are no cases in {folder}")
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
