"""Text as training programs print it, for what depends on how far it shrinks.

Used by file_reading.py. The shapes of the lines are those of TensorFlow's Estimators and examples;
numbers, which hardly shrink, are drawn anew for each line, always the same ones.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(2018, 11, 28, 16, tzinfo=UTC)


def training_log(size: int) -> Iterator[bytes]:
    """Yield lines, together at least `size` bytes."""
    draw = random.Random(5)  # noqa: S311 (no secret)
    step, now = 0, _BEGINNING
    while size > 0:
        step += draw.choice((10, 100))
        now += timedelta(seconds=draw.random() * 2)
        line = (_line(draw, step, now) + "\n").encode()
        size -= len(line)
        yield line


def _line(draw: random.Random, step: int, now: datetime) -> str:
    loss = 2.3 * 0.999 ** (step / 100) + draw.random() / 10
    kind = draw.random()
    if kind < 0.6:
        return f"INFO:tensorflow:loss = {loss:.8g}, step = {step} ({draw.random() * 3:.3f} sec)"
    if kind < 0.8:
        return f"INFO:tensorflow:global_step/sec: {draw.uniform(50, 90):.3f}"
    if kind < 0.9:
        return (
            f"{now:%Y-%m-%d %H:%M:%S.%f}: I tensorflow/core/common_runtime/gpu/gpu_device.cc:1120] "
            f"Created TensorFlow device (/job:worker/replica:0/task:{draw.randrange(4)}/"
            f"device:GPU:0 with {draw.randrange(8000, 16000)} MB memory)"
        )
    if kind < 0.97:
        return (
            f"Step {step} ({draw.uniform(5, 9):.1f} ms) Minibatch loss: {loss:.3f}, learning rate: "
            f"{0.01 * 0.95 ** (step / 1000):.6f} Minibatch error: {draw.uniform(0, 9):.1f}%"
        )
    return f"INFO:tensorflow:Saving checkpoints for {step} into /mnt/logs/model.ckpt."
