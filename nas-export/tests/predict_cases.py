"""Compares an exported predict.py with `nas predict` on image files.

    python predict_cases.py NAS NETWORK FOLDER IMAGES

NAS is the program, NETWORK a saved network, FOLDER its export, IMAGES a folder of images. Files of
odd kinds are made of some of them: of 16 bits, turned by EXIF, with a palette, transparent, grey.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

# Both see the same pixels, so a probability differs by the rounding of two runtimes.
PROBABILITY = 1e-4
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


def odd_files(folder, image):
    """Files of one image that programs like to read in different ways."""
    image = image.convert("RGB")
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(folder / "16-bit.png")
    Image.fromarray(grey * 257).save(folder / "16-bit.tif")
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(folder / "turned.jpg", exif=turned, quality=95, subsampling=0)
    mirrored = Image.Exif()
    mirrored[0x0112] = 5
    image.save(folder / "mirrored.png", exif=mirrored)
    image.quantize(64).save(folder / "palette.png")
    image.quantize(64).save(folder / "palette.gif")
    image.convert("L").save(folder / "grey.jpg", quality=95)
    image.resize((61, 43)).save(folder / "progressive.jpg", progressive=True, quality=80, subsampling="4:2:0")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    transparent = image.convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(image.size))
    transparent.save(folder / "transparent.png")
    transparent.convert("LA").save(folder / "transparent-grey.png")
    image.resize((image.width * 3, image.height)).save(folder / "wide.webp", lossless=True)
    image.convert("1").save(folder / "two-colours.png")


def probabilities(images):
    return {image["file"]: {top["class"]: top["probability"] for top in image["top"]} for image in images}


def main(nas, network, folder, images):
    with tempfile.TemporaryDirectory() as odd:
        files = sorted(path for path in images.rglob("*") if path.suffix.lower() in SUFFIXES)
        for number, path in enumerate(files[:: max(1, len(files) // 8)]):
            place = pathlib.Path(odd) / str(number)
            place.mkdir()
            with Image.open(path) as image:
                odd_files(place, image)
        odd_ones = sorted(pathlib.Path(odd).rglob("*.*"))
        names = [str(path) for path in files + odd_ones]
        ours = subprocess.run([nas, "predict", network, *names, "--json", "--top", "1000"], capture_output=True, text=True, check=True)
        theirs = subprocess.run(
            [sys.executable, str(folder / "predict.py"), "--json", "--top", "1000", *names], capture_output=True, text=True, check=True
        )
    ours = probabilities(json.loads(ours.stdout)["images"])
    theirs = probabilities(json.loads(line) for line in theirs.stdout.splitlines())
    assert len(names) > 0 and ours.keys() == theirs.keys() == set(names), "not the same files"
    same, worst = 0, {True: (0.0, ""), False: (0.0, "")}
    for name in names:
        a, b = ours[name], theirs[name]
        apart = max(abs(a[key] - b[key]) for key in a)
        same += max(a, key=a.get) == max(b, key=b.get)
        jpeg = pathlib.Path(name).suffix.lower() in (".jpg", ".jpeg")
        worst[jpeg] = max(worst[jpeg], (apart, name))
    print(
        f"predict.py: {len(names)} files, {len(odd_ones)} of them odd: the same class for {same}; "
        f"probabilities at most {worst[True][0]:.1e} apart in JPEG and {worst[False][0]:.1e} elsewhere"
    )
    far, name = max(worst.values())
    if far > PROBABILITY:
        sys.exit(f"{name}: {far:.1e} apart; expected at most {PROBABILITY}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]))
