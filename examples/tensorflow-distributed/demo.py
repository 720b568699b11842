"""`make demo`: the recipe TensorFlow-GPU-Distributed, on the cluster of `make up`.

On a cluster of the user's with its own drivers (PROVIDER=kubeconfig), the account is the user's
too: AZURE_BATCHAI_STORAGE_ACCOUNT names it, and README.md says what must be in it.

Every step that matters is a command that a person could type, and is printed before it runs. A
second run finds everything in place and takes the time of the training. Ctrl-C stops the demo and
nothing else: the cluster and the job go on.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from batchai_devcluster import provider, release, storage
from batchai_devcluster.errors import DevclusterError
from batchai_devcluster.images.ensuring import Images
from batchai_devcluster.paths import REPOSITORY, Paths
from batchai_devcluster.progress import step

HERE = Path(__file__).resolve().parent
STAND_IN = "batchaidev"
"""The storage account that `make up` leaves, with its Secret."""
ACCOUNT = "AZURE_BATCHAI_STORAGE_ACCOUNT"
"""The variable from which `batchai job create` takes the account."""
CLUSTER = "nc6"
NODES = 2
"""Nodes of cluster.yaml, each with a GPU."""
VENV = Path(sys.executable).parent
FOLDERS = {"stdouterr": "logs", "MODEL": "checkpoints", "TENSORBOARD": "events for TensorBoard"}


class DemoFailedError(Exception):
    """A step failed; the message says which, and the command has printed why."""


class Demo:
    """One run on one cluster."""

    def __init__(self, paths: Paths, job: str) -> None:
        self.paths, self.job = paths, job
        self.cluster = provider.choose(paths, provider.named())
        self.has_stand_in = storage.is_wanted(self.cluster)
        # People may have another cluster in their environment; the demo means this one.
        self.environment = {
            **os.environ,
            "KUBECONFIG": self.cluster.kubeconfig,
            "PATH": f"{VENV}:{paths.bin}:{os.environ['PATH']}",
        }
        if self.has_stand_in:
            self.environment[ACCOUNT] = STAND_IN

    def run(self) -> bool:
        """Do it all and tell whether the job succeeded."""
        began = time.monotonic()
        title("1", "Operator, images, storage")
        self.check_nodes()
        if not self.has_stand_in:
            self.check_account()
        images = Images(self.paths, with_docker=self.cluster.with_docker)
        image = images.ensure("tensorflow", self.cluster)
        if self.has_stand_in:
            self.fill_storage()
        endpoint = self.tool("storage", "endpoint").strip()
        release.install(self.paths, self.cluster, blob_endpoint=endpoint)
        title("2", "The job: the recipe's job.json, with our image and fewer steps")
        self.show("kubectl", "apply", "-f", str((HERE / "cluster.yaml").relative_to(REPOSITORY)))
        self.submit(image)
        title("3", "The master's output, read from the file share while it trains")
        self.show("batchai", "job", "file", "stream", "-j", self.job, "-f", "stdout-wk-0.txt")
        title("4", "The end")
        # What it returns is the job's own exit code; the state below says the rest.
        self.show("batchai", "job", "wait", "-n", self.job, "--interval", "1", check=False)
        succeeded = self.report()
        print(f"\nThis took {time.monotonic() - began:.0f} s.")
        return succeeded

    def check_nodes(self) -> None:
        """Refuse a cluster whose nodes offer too few GPUs; the job would wait for ever."""
        offers = self.ask(
            *("kubectl", "get", "nodes", "--output"),
            r"jsonpath={.items[*].status.allocatable.nvidia\.com/gpu}",
        )
        if (able := sum(offer != "0" for offer in offers.split())) < NODES:
            raise DemoFailedError(
                f"the job takes {NODES} nodes that offer nvidia.com/gpu, and the cluster has {able}"
            )

    def check_account(self) -> None:
        """Refuse when the user's own account is not named or has no Secret here."""
        account = self.environment.get(ACCOUNT)
        if not account:
            raise DemoFailedError(
                f"with CSI=none the job needs an account of yours: set {ACCOUNT} and do steps 1 "
                f"and 2 of {HERE.relative_to(REPOSITORY)}/README.md; or take the stand-in, "
                "CSI=standin"
            )
        secret = f"azure-storage-account-{account}-secret"
        if not self.ask("kubectl", "get", "secret", secret, "--ignore-not-found", "--output=name"):
            raise DemoFailedError(
                f"there is no Secret {secret} in the namespace of the current context; "
                f"step 2 of {HERE.relative_to(REPOSITORY)}/README.md makes it"
            )

    def fill_storage(self) -> None:
        """Put the script on the share `scripts` and the digits into the container `data`."""
        with step("Putting script and data into the storage account"):
            self.tool("storage", "up")
            self.tool("storage", "secret", self.namespace())
            for share in ("logs", "scripts"):
                self.tool("storage", "share", "create", share)
            self.tool("storage", "container", "create", "data")
            self.tool("storage", "put", str(HERE / "scripts"), "share/scripts")
            digits = str(HERE / "data" / "mnist_data")
            self.tool("storage", "put", digits, "container/data/mnist_data")

    def submit(self, image: str) -> None:
        """Create the job from job.json; only the image's placeholder is ours to fill in."""
        text = (HERE / "job.json").read_text().replace("<TENSORFLOW_IMAGE>", image)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "job.json"
            file.write_text(text)
            self.show(
                *("batchai", "job", "create", "-n", self.job, "-c", CLUSTER),
                *("-f", str(file), "-o", "table"),
            )

    def report(self) -> bool:
        """Show states, exit code, accuracy and files; tell whether the job succeeded."""
        self.show("kubectl", "get", "baij", self.job)
        view = json.loads(self.ask("batchai", "job", "show", "-n", self.job))
        info = view["executionInfo"] or {}
        print(f"\nstate      {view['executionState']}")
        print(f"exit code  {info.get('exitCode')}")
        master = self.ask(
            "batchai", "job", "file", "stream", "-j", self.job, "-f", "stdout-wk-0.txt"
        )
        accuracy = [line for line in master.splitlines() if line.startswith("test accuracy")]
        print(f"accuracy   {accuracy[-1].partition(':')[2].strip() if accuracy else 'none'}")
        print(f"\n{view['jobOutputDirectoryPathSegment']}/")
        for folder, meaning in FOLDERS.items():
            print(f"  {folder} ({meaning})")
            for item in self.files(folder):
                print(f"    {item['contentLength']:>9}  {item['name']}")
        return view["executionState"] == "succeeded" and bool(accuracy)

    def namespace(self) -> str:
        """Return the namespace of the current context, in which everything is made."""
        column = "jsonpath={.contexts[0].context.namespace}"
        return self.ask("kubectl", "config", "view", "--minify", "--output", column) or "default"

    def files(self, folder: str) -> list[dict[str, Any]]:
        """List one output directory."""
        listing = self.ask("batchai", "job", "file", "list", "-j", self.job, "-d", folder)
        files: list[dict[str, Any]] = json.loads(listing)
        return [item for item in files if item["fileType"] == "file"]

    def tool(self, *words: str) -> str:
        """Run a verb of the development cluster quietly."""
        return self.ask(sys.executable, "-m", "batchai_devcluster", *words)

    def ask(self, *command: str) -> str:
        """Run a command quietly and return what it prints."""
        done = subprocess.run(
            command, env=self.environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise DemoFailedError(f"`{' '.join(command)}` ended with exit code {done.returncode}")
        return done.stdout

    def show(self, *command: str, check: bool = True) -> None:
        """Print a command, then run it on this terminal."""
        print(f"$ {' '.join(command)}", flush=True)
        done = subprocess.run(command, env=self.environment, cwd=REPOSITORY, check=False)
        if check and done.returncode:
            raise DemoFailedError(f"`{' '.join(command)}` ended with exit code {done.returncode}")


def title(number: str, text: str) -> None:
    """Print a heading."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{number}. {text}{plain}", flush=True)


def where_to_look(job: str) -> str:
    """Return what to type next."""
    named = provider.named()
    choice = "" if named == "auto" else f" PROVIDER={named}"
    return f"""
Where to look next, after: eval "$(make -s env{choice})"
  kubectl get baij,baic                        what there is
  kubectl describe baij {job}
  kubectl logs -l batchai.dev/job={job} -c job --prefix
  batchai job file list -j {job} -d MODEL -o table
  make demo                                    another run, in a minute or so
  make down                                    remove the cluster, unless it is yours"""


def main() -> int:
    """Run the demo and return the exit code."""
    job = f"distributed-tensorflow-{time.strftime('%m%d-%H%M%S')}"
    try:
        succeeded = Demo(Paths.from_environment(), job).run()
    except KeyboardInterrupt:
        print("\nStopped. The cluster goes on, and so does a job that was submitted.", flush=True)
        print(where_to_look(job))
        return 130
    except (DemoFailedError, DevclusterError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        print(where_to_look(job))
        return 1
    print(where_to_look(job))
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
