"""Killing the processes of a container from outside, as the kernel would.

From inside a container its first process cannot be killed, so this looks for the container's
processes on this machine, on which the nodes of the development cluster run.
"""

import os
import signal
from pathlib import Path

import pytest

from support.api import Raw
from support.waiting import wait_until


def container_id(pod: Raw, container: str) -> str:
    """Return the id that the container runtime gave a container."""
    status = pod["status"]
    for each in (*status["containerStatuses"], *status.get("initContainerStatuses", ())):
        if each["name"] == container:
            return str(each["containerID"]).rpartition("/")[2]
    raise AssertionError(f"Pod {pod['metadata']['name']} has no container {container}")


def processes_of(identity: str) -> list[int]:
    """Return the process ids of a container, the first process last."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if identity in (folder / "cgroup").read_text():
                    found.append(int(folder.name))
            except OSError:
                continue  # It ended while we looked.
    return sorted(found, reverse=True)


def kill_container(pod: Raw, container: str) -> None:
    """Send SIGKILL to all processes of a container at once, and see them gone."""
    identity = container_id(pod, container)
    victims = _victims(identity)
    # Stopped first, so that none of them sees another die.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for victim in victims:
            try:
                os.kill(victim, number)
            except ProcessLookupError:
                continue
    wait_until(lambda: not processes_of(identity), 20, f"the processes of {container} to be gone")


def kill_first(pod: Raw, container: str) -> None:
    """Send SIGKILL to a container's first process only; the kernel ends the others for it."""
    os.kill(_victims(container_id(pod, container))[-1], signal.SIGKILL)


def kill_programs(pod: Raw, container: str) -> None:
    """Send SIGKILL to all processes of a container but its first."""
    for victim in _victims(container_id(pod, container))[:-1]:
        os.kill(victim, signal.SIGKILL)


def _victims(identity: str) -> list[int]:
    victims = processes_of(identity)
    if not victims:
        pytest.skip("the nodes of this cluster do not run on this machine")
    return victims
