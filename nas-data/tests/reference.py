"""Writes the files in `reference/`: images in many formats, with the pixels and sizes that Pillow makes of them.

    python3 -m venv venv && venv/bin/pip install pillow==12.3.0 numpy==2.4.6
    venv/bin/python nas-data/tests/reference.py

The tests need neither Python nor Pillow. `reference/images.txt` has a line for each image: its name, the name of its
pixels (PGM for one channel, PPM for three) or the error expected, and by how many levels a value may differ.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent / "reference"
LINES = []
WRITTEN = {}


def scene(width, height, seed):
    """A smooth picture with edges and some noise, RGB."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [
        128 + 110 * np.sin(x / 5 + y / 9),
        255 * x / max(width - 1, 1),
        255 * y / max(height - 1, 1),
    ]
    picture = np.stack(planes, -1)
    picture[height // 4 : height // 2, width // 3 : width // 2] = (250, 20, 40)
    picture += np.random.default_rng(seed).normal(0, 4, picture.shape)
    return np.clip(picture.round(), 0, 255).astype(np.uint8)


def pixels(image):
    """What `decode` should give, by Pillow."""
    image = ImageOps.exif_transpose(image)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.array(image)


def expected_name(array):
    """Writes pixels, once, and names their file."""
    if array.ndim == 3 and (array == array[:, :, :1]).all():
        array = array[:, :, 0]
    kind = "P5" if array.ndim == 2 else "P6"
    content = f"{kind} {array.shape[1]} {array.shape[0]} 255\n".encode() + array.tobytes()
    if content not in WRITTEN:
        WRITTEN[content] = f"pixels_{len(WRITTEN):02}." + ("pgm" if kind == "P5" else "ppm")
        (HERE / WRITTEN[content]).write_bytes(content)
    return WRITTEN[content]


def add(name, content, expected=None, levels=0):
    """Writes an image and its line. `expected` are pixels or the name of an error; else Pillow decodes it."""
    (HERE / name).write_bytes(content)
    if expected is None:
        expected = pixels(Image.open(io.BytesIO(content)))
    if not isinstance(expected, str):
        expected = expected_name(np.asarray(expected))
    LINES.append(f"{name} {expected} {levels}")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def to_8_bit(values):
    return (values.astype(np.uint64) * 255 * 2 + 65535) // (65535 * 2)


def png(width, height, bits, color, rows, interlaced=False, chunks=()):
    """A PNG of rows that are already packed; for Adam7, of all passes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    body = [chunk(b"IHDR", header), *(chunk(*c) for c in chunks), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def adam7(array):
    """The rows of the seven passes."""
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    for top, left, down, right in steps:
        for row in array[top::down, left::right]:
            if row.size:
                yield row.tobytes()


def pngs():
    rgb = scene(23, 17, 1)
    image = Image.fromarray(rgb)
    grey = image.convert("L")
    add("rgb.png", saved(image, "PNG"))
    add("grey.png", saved(grey, "PNG"))
    add("grey_as_rgb.png", saved(grey.convert("RGB"), "PNG"))
    add("interlaced.png", png(23, 17, 8, 2, adam7(rgb), interlaced=True))
    add("one_bit.png", saved(image.convert("1"), "PNG"))
    add("palette.png", saved(image.quantize(200), "PNG"))
    add("palette_4.png", saved(image.quantize(16), "PNG"))
    add("palette_trns.png", saved(image.quantize(16), "PNG", transparency=bytes(range(0, 256, 17))))
    alpha = Image.fromarray(np.random.default_rng(2).integers(0, 256, (17, 23), np.uint8))
    rgba = image.copy()
    rgba.putalpha(alpha)
    add("rgba.png", saved(rgba, "PNG"))
    la = grey.copy()
    la.putalpha(alpha)
    add("grey_alpha.png", saved(la, "PNG"))
    key = tuple(int(v) for v in rgb[5, 9])
    add("rgb_trns.png", saved(image, "PNG", transparency=key))
    exif = Image.Exif()
    exif[0x0112] = 6
    add("exif_6.png", saved(image, "PNG", exif=exif))

    # Pillow clips 16 bits, or cuts off the low byte.
    ramp = np.append(np.arange(0, 65536, 97), [65534, 65535] * 2)[: 26 * 26].reshape(26, 26)
    wide = ramp.astype(">u2")
    add("grey_16.png", png(26, 26, 16, 0, [row.tobytes() for row in wide]), to_8_bit(ramp).astype(np.uint8))
    colours = np.stack([ramp, ramp[::-1], ramp.T], -1)
    rows = [row.tobytes() for row in colours.astype(">u2")]
    add("rgb_16.png", png(26, 26, 16, 2, rows), to_8_bit(colours).astype(np.uint8))
    with_alpha = np.concatenate([colours, ramp[:, ::-1, None]], -1)
    rows = [row.tobytes() for row in with_alpha.astype(">u2")]
    over = pixels(Image.fromarray(to_8_bit(with_alpha).astype(np.uint8), "RGBA"))
    add("rgba_16.png", png(26, 26, 16, 6, rows), over)
    return image, grey, rgba, ramp, colours


# How many samples of brightness there are for one of colour, across and down, in the byte of a JPEG's header.
SAMPLINGS = {"444": 0x11, "422": 0x21, "420": 0x22, "440": 0x12, "411": 0x41}
# 440 and 411 have as many blocks in a unit as these, which Pillow writes. So only the byte must change; the picture is
# scrambled, and still has one right way to be decoded.
WRITTEN_AS = {"440": "422", "411": "420"}


def sampled(image, sampling, **options):
    """A baseline JPEG, or another of Pillow's, with colours sampled like this."""
    written = SAMPLINGS[WRITTEN_AS.get(sampling, sampling)]
    subsampling = {0x11: 0, 0x21: 1, 0x22: 2}[written]
    content = bytearray(saved(image, "JPEG", quality=75, subsampling=subsampling, optimize=True, **options))
    at = next(content.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in content) + 11
    assert content[at] == written
    content[at] = SAMPLINGS[sampling]
    return bytes(content)


def samplings():
    """Sides around those of blocks, where decoders enlarge colours differently."""
    for width, height in [(1, 1), (3, 2), (17, 23)]:
        image = Image.fromarray(scene(width, height, 5))
        for sampling in SAMPLINGS:
            add(f"{sampling}_{width}x{height}.jpg", sampled(image, sampling))
    for sampling in ["444", "422", "420"]:
        add(f"{sampling}_progressive.jpg", sampled(image, sampling, progressive=True))
    # Noise changes from pixel to pixel, so every rounding shows.
    noise = Image.fromarray(np.random.default_rng(6).integers(0, 256, (23, 17, 3), np.uint8))
    for sampling in ["422", "420", "440"]:
        add(f"{sampling}_noise.jpg", sampled(noise, sampling))


def jpegs():
    image = Image.fromarray(scene(61, 43, 3))
    for name, options in {
        "444": {"quality": 90, "subsampling": 0},
        "422": {"quality": 75, "subsampling": 1},
        "420": {"quality": 75, "subsampling": 2},
        "progressive": {"quality": 60, "progressive": True},
        "restarts": {"quality": 75, "restart_marker_blocks": 2},
        "keep_rgb": {"quality": 90, "keep_rgb": True},
    }.items():
        add(f"{name}.jpg", saved(image, "JPEG", **options))
    add("grey.jpg", saved(image.convert("L"), "JPEG"))
    cmyk = saved(image.convert("CMYK"), "JPEG", quality=90)
    add("cmyk_adobe.jpg", cmyk)
    start = cmyk.index(b"\xff\xee")
    length = struct.unpack(">H", cmyk[start + 2 : start + 4])[0]
    plain = cmyk[:start] + cmyk[start + 2 + length :]
    add("cmyk_plain.jpg", plain)
    # The last byte of Adobe's segment says what the four channels are. The colours are odd, but the same for all.
    ycck = bytearray(cmyk)
    ycck[start + 2 + length - 1] = 2
    add("ycck.jpg", bytes(ycck))
    small = Image.fromarray(scene(21, 14, 4))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = saved(small, "JPEG", quality=95, subsampling=0, exif=exif)
        add(f"exif_{orientation}.jpg", content)


def webps(image, grey, rgba):
    add("lossless.webp", saved(image, "WEBP", lossless=True))
    add("lossless_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
    wide = Image.fromarray(scene(61, 43, 3))
    add("lossy.webp", saved(wide.crop((0, 0, 40, 27)), "WEBP", quality=80))
    add("lossy_alpha.webp", saved(rgba, "WEBP", quality=80))
    frames = [image, ImageOps.invert(image)]
    add("animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    exif = Image.Exif()
    exif[0x0112] = 8
    add("exif_8.webp", saved(image, "WEBP", lossless=True, exif=exif))


def bmps(image, grey, rgba):
    add("rgb.bmp", saved(image, "BMP"))
    add("grey.bmp", saved(grey, "BMP"))
    add("one_bit.bmp", saved(image.convert("1"), "BMP"))
    add("palette.bmp", saved(image.quantize(200), "BMP"))
    add("rgba.bmp", saved(rgba, "BMP"))
    top_down = bytearray(saved(image, "BMP"))
    top_down[22:26] = struct.pack("<i", -17)
    add("top_down.bmp", bytes(top_down))
    # Each run of one value; Pillow reads such files and does not write them.
    palette = image.quantize(200)
    plain = saved(palette, "BMP")
    colours, values = plain[54:1078], np.array(palette)[::-1]
    runs = b"".join(b"".join(bytes((1, v)) for v in row) + b"\0\0" for row in values) + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, 23, 17, 1, 8, 1, len(runs), 2835, 2835, 256, 256)
    add("rle.bmp", b"BM" + struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078) + header + colours + runs)


def gifs(image):
    palette = image.quantize(60)
    add("plain.gif", saved(palette, "GIF", interlace=0))
    add("interlaced.gif", saved(palette, "GIF", interlace=1))
    add("transparent.gif", saved(palette, "GIF", transparency=3))
    inverse = ImageOps.invert(image).quantize(60)
    add("animated.gif", saved(palette, "GIF", save_all=True, append_images=[inverse], duration=50))
    # A first frame that covers part of the picture. Pillow shows the rest as transparent if there is a transparent
    # colour, and else in the first colour; browsers show it as transparent.
    for name, options in {"partial.gif": {"transparency": 3}, "partial_opaque.gif": {}}.items():
        content = bytearray(saved(palette, "GIF", **options))
        content[6:10] = struct.pack("<HH", 31, 22)
        frame = content.index(b"\x2c\0\0\0\0")
        content[frame + 1 : frame + 5] = struct.pack("<HH", 5, 2)
        expected = None
        if not options:
            expected = np.full((22, 31, 3), 255, np.uint8)
            expected[2:19, 5:28] = np.array(palette.convert("RGB"))
        add(name, bytes(content), expected)


def tiffs(image, grey, rgba, ramp, colours):
    add("raw.tif", saved(image, "TIFF"))
    for name, compression in {"lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packbits": "packbits"}.items():
        add(f"{name}.tif", saved(image, "TIFF", compression=compression))
    add("grey.tif", saved(grey, "TIFF"))
    add("one_bit.tif", saved(image.convert("1"), "TIFF"))
    add("rgba.tif", saved(rgba, "TIFF"))
    add("cmyk.tif", saved(image.convert("CMYK"), "TIFF"))
    add("orientation_5.tif", saved(image, "TIFF", tiffinfo={0x0112: 5}))
    grey_16 = Image.fromarray(ramp.astype(np.uint16))
    add("grey_16.tif", saved(grey_16, "TIFF"), to_8_bit(ramp).astype(np.uint8))
    white_is_zero = bytearray(saved(grey, "TIFF"))
    tag = white_is_zero.index(struct.pack("<HHIH", 262, 3, 1, 1))
    white_is_zero[tag + 8] = 0
    add("white_is_zero.tif", bytes(white_is_zero))
    add("float.tif", saved(grey.convert("F"), "TIFF"), "Unsupported")
    add("palette.tif", saved(image.quantize(60), "TIFF"), "Unsupported")


def pnms(image, grey, ramp, colours):
    one_bit = image.convert("1")
    add("binary.pbm", saved(one_bit, "PPM"))
    add("binary.pgm", saved(grey, "PPM"))
    add("binary.ppm", saved(image, "PPM"))
    text = lambda array: "\n".join(" ".join(map(str, row.reshape(-1))) for row in array).encode() + b"\n"
    bits = 1 - np.array(one_bit).astype(int)
    add("text.pbm", b"P1\n# a comment\n23 17\n" + text(bits))
    add("text.pgm", b"P2\n23 17\n255\n" + text(np.array(grey)))
    add("text.ppm", b"P3 23 17 255\n" + text(np.array(image)))
    add("sixteen.pgm", b"P5 26 26 65535\n" + ramp.astype(">u2").tobytes(), to_8_bit(ramp).astype(np.uint8))
    add("sixteen.ppm", b"P6 26 26 65535\n" + colours.astype(">u2").tobytes(), to_8_bit(colours).astype(np.uint8))
    add("fifteen.pgm", b"P5 23 17 15\n" + (np.array(grey) // 16).tobytes(), np.array(grey) // 16 * 17)
    add("rgb.pam", b"P7\nWIDTH 23\nHEIGHT 17\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + np.array(image).tobytes(), np.array(image))


def contained(image, size):
    """`ImageOps.contain`, which fails where a side becomes shorter than half a pixel."""
    width, height = size
    if image.width * height > width * image.height:
        height = max(1, round(image.height / image.width * width))
    else:
        width = max(1, round(image.width / image.height * height))
    return image.resize((width, height), Image.Resampling.BILINEAR)


def resizes():
    """Images of several sizes into several others; `reference/resized.txt` has a line for each."""
    lines = []
    colour, grey = Image.fromarray(scene(45, 31, 7)), Image.fromarray(scene(40, 27, 5)).convert("L")
    long = Image.fromarray(scene(300, 7, 6)).convert("L")
    for image in [colour, grey, long]:
        source = expected_name(np.array(image))
        for size in [(28, 28), (32, 20), (64, 61), (45, 10), (13, 31), (7, 3), (1, 1), (97, 5)]:
            stretched = image.resize(size, Image.Resampling.BILINEAR)
            cropped = ImageOps.fit(image, size, Image.Resampling.BILINEAR)
            # What lies beside the image is not Pillow's, so it is not compared: only the image in its place.
            inner = contained(image, size)
            left, top = round((size[0] - inner.width) / 2), round((size[1] - inner.height) / 2)
            for how, result in {"stretch": stretched, "crop": cropped, "pad": inner}.items():
                crc = zlib.crc32(result.tobytes())
                lines.append(f"{source} {size[0]} {size[1]} {how} {left} {top} {inner.width} {inner.height} {crc}")
    (HERE / "resized.txt").write_text("\n".join(lines) + "\n")


def arrays():
    """Archives as NumPy writes them; the values are in `npz.rs`."""
    counted = lambda *shape: np.arange(np.prod(shape)).reshape(shape)
    np.savez_compressed(
        HERE / "medmnist.npz",
        train_images=counted(4, 4, 2, 3).astype(np.uint8),
        train_labels=np.array([[0], [1], [2], [1]], np.uint8),
        val_images=counted(2, 4, 2, 3).astype(np.uint8) + 100,
        val_labels=np.array([[2], [0]], np.uint8),
        test_images=counted(1, 4, 2, 3).astype(np.uint8) + 200,
        test_labels=np.array([[1]], np.uint8),
    )
    np.savez(HERE / "big_endian.npz", X=counted(2, 1, 3, 2).astype(">f4") / 11, Y=np.array([7, -1], ">i8"))


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    image, grey, rgba, ramp, colours = pngs()
    jpegs()
    webps(image, grey, rgba)
    bmps(image, grey, rgba)
    gifs(image)
    tiffs(image, grey, rgba, ramp, colours)
    pnms(image, grey, ramp, colours)
    resizes()
    arrays()
    samplings()
    (HERE / "images.txt").write_text("\n".join(LINES) + "\n")
    print(sum(file.stat().st_size for file in HERE.iterdir()), "bytes in", len(list(HERE.iterdir())), "files")


main()
