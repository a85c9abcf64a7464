"""A trained network in PyTorch, with the weights in model.safetensors beside this file.

    import model
    network = model.load().eval()
    logits = network(images)    # N x C x H x W, values of pixels: preprocess.json says which
    model.save(network, "trained.safetensors")

In training mode a network with an auxiliary head returns its scores, too: (logits, auxiliary).
"""

import ctypes
import hashlib
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

WEIGHTS = pathlib.Path(__file__).resolve().parent / "model.safetensors"
__FACTS__


class BatchNorm(nn.Module):
    """Batch normalisation; unlike nn.BatchNorm2d it does not count batches."""

    def __init__(self, channels, affine=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, momentum=0.1, eps=1e-5
        )


class DropPath(nn.Module):
    """In training, zeroes whole samples at this rate and scales the others up; see set_drop_path."""

    rate = 0.0

    def forward(self, x):
        if not self.training or self.rate == 0.0:
            return x
        kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.rate
        return x * kept.to(x.dtype) / (1 - self.rate)
__CLASSES__

def set_drop_path(network, rate):
    """Sets the rate of all drop-path layers."""
    for module in network.modules():
        if isinstance(module, DropPath):
            module.rate = rate


def load(path=WEIGHTS):
    """The network with the weights of a file, whose metadata it keeps for save."""
    tensors, metadata = read_safetensors(path)
    network = Network().to(next(iter(tensors.values())).dtype)
    network.load_state_dict(tensors, strict=True)
    network.metadata = metadata
    return network


def save(network, path):
    """Writes the weights as a file that the program `nas` reads where the one loaded was."""
    write_safetensors(path, network.state_dict(), network.metadata)


DTYPES = {"F32": torch.float32, "F64": torch.float64}


def read_safetensors(path):
    """The tensors of a file, and its metadata."""
    content = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        data = bytearray(content[start + begin : start + end])
        tensors[name] = torch.frombuffer(data, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def write_safetensors(path, tensors, metadata):
    """Writes tensors with metadata, whose checksum is made anew."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    known = json.loads(metadata["nas"])
    hashed = hashlib.sha256()

    def add(data):
        hashed.update(len(data).to_bytes(8, "little"))
        hashed.update(data)

    add(known["content"].encode())
    header, content = {}, []
    place = 0
    for name, tensor in sorted(tensors.items()):
        tensor = tensor.detach().cpu().contiguous()
        data = ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size())
        dtype, shape = names[tensor.dtype], list(tensor.shape)
        add(name.encode())
        add(f"{dtype} {shape}".encode())
        add(data)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + len(data)]}
        content.append(data)
        place += len(data)
    known["sha256"] = hashed.hexdigest()
    header = {"__metadata__": {**metadata, "nas": json.dumps(known)}, **header}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(content))
