"""Write scikit-learn's handwritten digits as MNIST's four IDX files.

Run by hand when the data shall change: `python make_mnist_data.py`, with scikit-learn installed.
The result is checked in, so neither the demo nor the tests need scikit-learn or a download.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FOLDER = Path(__file__).parent / "mnist_data"
TRAINING_IMAGES = 1500
"""The rest, 297 images, is for testing."""


def write_idx(name: str, array: np.ndarray) -> None:
    """Write unsigned bytes in the IDX format: zero, zero, type 8, rank, sizes, data.

    The gzip header carries no time, so that the same digits give the same bytes.
    """
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with (FOLDER / name).open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(header + array.astype(np.uint8).tobytes())


digits = load_digits()
# Shuffled, so that both parts have digits by each of the thirteen writers.
order = np.random.default_rng(2018).permutation(len(digits.target))
pixels = digits.images[order] * (255 / 16)  # The set counts 0 to 16 per pixel, MNIST 0 to 255.
labels = digits.target[order]
for prefix, part in (("train", slice(TRAINING_IMAGES)), ("t10k", slice(TRAINING_IMAGES, None))):
    write_idx(f"{prefix}-images-idx3-ubyte.gz", pixels[part])
    write_idx(f"{prefix}-labels-idx1-ubyte.gz", labels[part])
