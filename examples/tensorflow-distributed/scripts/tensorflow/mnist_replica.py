"""Distributed training on handwritten digits: one parameter server, several workers.

Batch AI starts this program once per task of the job and tells each, by its arguments, who it is
and where the others are; they are those of the retired service's recipe
TensorFlow-GPU-Distributed. Every worker builds the same graph with the variables placed on the
parameter servers ("between-graph replication") and trains at its own pace on random batches. The
first worker ("chief") also initialises the variables and writes checkpoints and TensorBoard
events. A worker ends by itself; the parameter server waits until Batch AI stops it.
"""

import argparse
import gzip
import os
import socket
import struct
import sys
import time
from pathlib import Path

# TensorFlow reads these when it is imported; its chatter would bury our own lines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
BATCH_SIZE = 100
HIDDEN_UNITS = 100
REPORTS = 25
"""How many progress lines a run prints, whatever its number of steps."""


def say(text: str) -> None:
    """Print one line at once: whoever follows the file on the share wants to see it now."""
    print(text, flush=True)


def read_arguments() -> argparse.Namespace:
    """Return the command line; host lists may be empty, as they are on one node."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_name", choices=("ps", "worker"), default="worker")
    parser.add_argument("--task_index", type=int, default=0)
    parser.add_argument("--ps_hosts", default="", help="host:port,host:port")
    parser.add_argument("--worker_hosts", default="", help="host:port,host:port")
    parser.add_argument("--num_gpus", type=int, default=0)
    parser.add_argument("--train_steps", type=int, default=1000, help="of all workers together")
    parser.add_argument("--checkpoint_dir", default="")
    parser.add_argument("--log_dir", default="", help="for TensorBoard")
    parser.add_argument("--data_dir", default="")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        # The recipe passes an input directory that it does not declare, thus an empty text.
        root = os.environ.get("AZ_BATCHAI_JOB_MOUNT_ROOT", ".")
        arguments.data_dir = os.path.join(root, "data", "mnist_data")  # noqa: PTH118
    return arguments


def read_idx(path: Path) -> np.ndarray:
    """Read one gzipped file of MNIST's IDX format: magic, sizes, unsigned bytes."""
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_digits(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images as rows of numbers from 0 to 1, and their labels."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels.astype(np.int64)


class Model:
    """The graph: pixels, one hidden layer, ten classes."""

    def __init__(self, pixels: int) -> None:
        self.images = tf1.placeholder(tf.float32, [None, pixels], name="images")
        self.labels = tf1.placeholder(tf.int64, [None], name="labels")
        hidden = tf.nn.relu(self._layer("hidden", self.images, pixels, HIDDEN_UNITS))
        logits = self._layer("output", hidden, HIDDEN_UNITS, 10)
        self.loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=logits)
        )
        hits = tf.equal(tf.argmax(logits, 1), self.labels)
        self.accuracy = tf.reduce_mean(tf.cast(hits, tf.float32))
        self.step = tf1.train.get_or_create_global_step()
        optimizer = tf1.train.AdamOptimizer(0.002)
        self.train = optimizer.minimize(self.loss, global_step=self.step)
        tf1.summary.scalar("loss", self.loss)
        tf1.summary.scalar("accuracy", self.accuracy)

    @staticmethod
    def _layer(name: str, inputs: tf.Tensor, width: int, units: int) -> tf.Tensor:
        with tf1.variable_scope(name):
            weights = tf1.get_variable(
                "weights",
                [width, units],
                initializer=tf1.truncated_normal_initializer(stddev=width**-0.5),
            )
            biases = tf1.get_variable("biases", [units], initializer=tf1.zeros_initializer())
            return tf.matmul(inputs, weights) + biases


class PatientWorker(tf1.train.SessionCreator):
    """Opens the session of a worker that is not the chief.

    TensorFlow's own creator looks only every 30 s whether the chief has initialised the
    variables, which is longer than a short training takes.
    """

    def __init__(self, master: str, config: "tf1.ConfigProto") -> None:
        self._master, self._config = master, config

    def create_session(self) -> "tf1.Session":
        """Wait for the chief, looking every second."""
        scaffold = tf1.train.Scaffold().finalize()
        manager = tf1.train.SessionManager(
            local_init_op=scaffold.local_init_op,
            ready_op=scaffold.ready_op,
            ready_for_local_init_op=scaffold.ready_for_local_init_op,
            graph=tf1.get_default_graph(),
            recovery_wait_secs=1,
        )
        return manager.wait_for_session(self._master, config=self._config, max_wait_secs=600)


def open_session(arguments: argparse.Namespace, master: str) -> "tf1.train.MonitoredSession":
    """Return the session of this worker; the chief's writes checkpoints and events."""
    me = f"/job:worker/task:{arguments.task_index}"
    # Without the filter a worker would wait for all other workers, also for those done already.
    config = tf1.ConfigProto(
        allow_soft_placement=True,
        device_filters=["/job:ps", me] if master else [],
        intra_op_parallelism_threads=1,
    )
    hooks = [tf1.train.StopAtStepHook(last_step=arguments.train_steps)]
    if arguments.task_index != 0:
        creator = PatientWorker(master, config)
        return tf1.train.MonitoredSession(session_creator=creator, hooks=hooks)
    every = max(1, arguments.train_steps // REPORTS)
    if arguments.log_dir:
        hooks.append(
            tf1.train.SummarySaverHook(
                save_steps=every, output_dir=arguments.log_dir, summary_op=tf1.summary.merge_all()
            )
        )
    return tf1.train.MonitoredTrainingSession(
        master=master,
        is_chief=True,
        checkpoint_dir=arguments.checkpoint_dir or None,
        save_checkpoint_steps=max(1, arguments.train_steps // 4),
        save_summaries_steps=None,
        save_summaries_secs=None,
        log_step_count_steps=None,
        hooks=hooks,
        config=config,
    )


def train(arguments: argparse.Namespace, master: str, device: object) -> None:
    """Train until all workers together have done the steps, then test."""
    folder = Path(arguments.data_dir)
    images, labels = read_digits(folder, "train")
    test_images, test_labels = read_digits(folder, "t10k")
    say(f"{len(images)} digits to learn from, {len(test_images)} to be tested with, in {folder}")
    with tf1.device(device):
        model = Model(images.shape[1])
    chance = np.random.default_rng(arguments.task_index)
    every = max(1, arguments.train_steps // REPORTS)
    step, mine, next_report, began = 0, 0, 0, time.monotonic()
    with open_session(arguments, master) as session:
        while not session.should_stop():
            batch = chance.integers(len(images), size=BATCH_SIZE)
            _, step, loss = session.run(
                [model.train, model.step, model.loss],
                {model.images: images[batch], model.labels: labels[batch]},
            )
            mine += 1
            if step >= next_report:
                next_report = step + every
                seconds = time.monotonic() - began
                say(
                    f"step {step:6d} of {arguments.train_steps}  loss {loss:7.4f}  {seconds:6.1f} s"
                )
        everything = {model.images: test_images, model.labels: test_labels}
        # Past the hooks: they would count this run as one more step of training.
        accuracy, step = session.run_step_fn(
            lambda step_context: step_context.session.run([model.accuracy, model.step], everything)
        )
    say(f"worker {arguments.task_index} did {mine} of {step} steps")
    say(f"test accuracy: {accuracy:.4f}")


def main() -> None:
    """Be a parameter server or a worker, as told."""
    arguments = read_arguments()
    tf1.disable_eager_execution()
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    hosts = {
        "ps": [host for host in arguments.ps_hosts.split(",") if host],
        "worker": [host for host in arguments.worker_hosts.split(",") if host],
    }
    say(
        f"{arguments.job_name} {arguments.task_index} on {socket.gethostname()}, "
        f"TensorFlow {tf.__version__}, parameter servers {hosts['ps'] or 'none'}, "
        f"workers {hosts['worker'] or 'this one'}"
    )
    if not hosts["ps"]:
        train(arguments, master="", device=None)
        return
    cluster = tf1.train.ClusterSpec(hosts)
    server = tf1.train.Server(cluster, job_name=arguments.job_name, task_index=arguments.task_index)
    if arguments.job_name == "ps":
        say("serving parameters until the workers are done")
        server.join()
    processor = "/cpu:0"
    if arguments.num_gpus > 0 and tf.config.list_physical_devices("GPU"):
        processor = f"/gpu:{arguments.task_index % arguments.num_gpus}"
    elif arguments.num_gpus > 0:
        say("this TensorFlow sees no GPU; training on the CPU")
    me = f"/job:worker/task:{arguments.task_index}{processor}"
    device = tf1.train.replica_device_setter(cluster=cluster, worker_device=me, ps_device="/job:ps")
    train(arguments, server.target, device)


if __name__ == "__main__":
    sys.exit(main())
