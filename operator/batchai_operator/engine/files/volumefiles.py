"""Files of a volume by their path: what a job left there, when the job itself is gone.

Called by the command line. Everything happens with the rights of its caller: a reader Pod of the
caller's namespace mounts the volume, or storage itself is asked with the caller's Secret.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.files.ownpods import OwnPod, Source
from batchai_operator.engine.files.progress import Progress
from batchai_operator.engine.files.reading import Reading
from batchai_operator.engine.files.straight import Straight
from batchai_operator.engine.ports import CLAIMS, FILE_SERVERS, Cluster, Object, ObjectStore
from batchai_operator.engine.reconcile.serveruses import endpoints, named_by
from batchai_operator.errors import ForbiddenError, InvalidSpecError, NotFoundError, RejectedError
from batchai_operator.planner.files.volumereader import DIRECTORY_ID, VolumeFolder, volume_reader
from batchai_operator.planner.volumes.forms import Place


async def known_place(
    store: ObjectStore,
    namespace: str,
    volumes: Mapping[str, Any] | None = None,
    cluster: Object | None = None,
) -> Place:
    """Return a namespace with the file servers that are named in it; nothing is asked without any.

    Who may not see file servers gets none.

    Args:
        store: the API server.
        namespace: where to look.
        volumes: a `mountVolumes` section.
        cluster: a BatchAICluster whose volumes are meant too.
    """
    named = {*named_by({"spec": {"mountVolumes": volumes}}), *named_by(cluster or {})}
    if not named:
        return Place(namespace)
    servers: list[Object] = []
    try:
        for name in sorted(named):
            with suppress(NotFoundError, RejectedError):
                servers.append(await store.get(FILE_SERVERS, name, namespace))
        if not named <= endpoints(servers).keys():
            # One may be called otherwise than its object.
            servers = await store.list(FILE_SERVERS, namespace)
    except (ForbiddenError, NotFoundError):
        return Place(namespace)
    return Place(namespace, endpoints(servers))


class VolumeFiles:
    """Reads files of one folder. Use it as an asynchronous context manager.

    Args:
        kube: the API server.
        namespace: of the caller's Secrets and reader Pod.
        folder: the folder.
        announce: told what the user is waiting for.
        straight: blob storage itself.
    """

    def __init__(
        self,
        kube: Cluster,
        namespace: str,
        folder: VolumeFolder,
        announce: Callable[[str], None],
        straight: Straight,
    ) -> None:
        self._kube = kube
        self._origin = VolumeOrigin(kube, namespace, folder, announce, straight)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._origin.close()

    def list_pages(self, path: str = ".") -> AsyncIterator[list[dict[str, Any]]]:
        """Yield what is in the folder, or one below it; see `OutputFiles.list_pages`."""
        return Reading(self._kube, self._origin, DIRECTORY_ID, path).pages()

    async def stream(
        self,
        path: str,
        write: Callable[[bytes], object],
        replaced: Callable[[], object] = lambda: None,
    ) -> bool:
        """Hand over a file of the folder as it is now; see `OutputFiles.stream`."""
        reading = Reading(self._kube, self._origin, DIRECTORY_ID, path)
        return await reading.follow(Progress(write, replaced))


class VolumeOrigin:
    """Where the files of one volume are (`origin.Origin`): nobody is known to write them."""

    is_growing, ends_alone = False, True

    def __init__(
        self,
        kube: Cluster,
        namespace: str,
        folder: VolumeFolder,
        announce: Callable[[str], None],
        straight: Straight,
    ) -> None:
        self._namespace, self._folder = namespace, folder
        self._store = kube
        self._reader = OwnPod(kube, announce)
        self.straight = straight

    async def live(self) -> None:
        """Return None: there is no container that writes the files."""
        return

    async def reader(self, directory_id: str) -> Source:  # noqa: ARG002 (the only one)
        """Return the reader Pod; as somebody where the namespace takes no Pod of root."""
        if self._reader.made is not None:
            return self._reader.made
        folder, settings = self._folder, self._folder.settings
        await self._check_claim()
        try:
            return await self._reader.make(volume_reader(folder, self._namespace, settings))
        except ForbiddenError:
            body = volume_reader(folder, self._namespace, settings, is_root=False)
            return await self._reader.make(body)

    async def _check_claim(self) -> None:
        """Refuse a volume that only the operator can mount, while it is mounted for no job.

        Raises:
            InvalidSpecError: there is no claim for it.
        """
        mount = self._folder.mount
        if not mount.claim:
            return
        try:
            await self._store.get(CLAIMS, mount.claim, self._namespace)
        except ForbiddenError:
            # Who may make Pods need not see claims; Events of the Pod tell of one that is missing.
            return
        except NotFoundError as error:
            raise InvalidSpecError(
                f"{mount.source} is mounted by a claim of the operator's, which is there while a "
                f"job of namespace {self._namespace} has this volume, and there is no such job: "
                "create one with the same volume, then repeat this."
            ) from error

    async def folder(self, directory_id: str) -> BlobFolder | None:  # noqa: ARG002 (the only one)
        """Return the folder in storage itself, if the caller may have it."""
        return await self.straight.folder(self._namespace, self._folder.place)

    def shortfall(self, directory_id: str) -> str:  # noqa: ARG002 (the only one)
        """Return nothing: whose files these are is not known."""
        return ""

    async def news(self) -> str:
        """Return nothing: nobody is known to write the files."""
        return ""

    async def forget(self, source: Source) -> None:
        """Give up a reader that no longer answers."""
        if source == self._reader.made:
            await self._reader.close()

    async def close(self) -> None:
        """Remove the reader Pod, and close the connections to storage."""
        try:
            await self._reader.close()
        finally:
            await self.straight.close()
