"""Where files are: what reading.py must know of a job or a volume.

Implemented by outputs.py for jobs and by volumefiles.py for folders of volumes.
"""

from typing import Protocol

from batchai_operator.engine.files.blobfiles import BlobFolder
from batchai_operator.engine.files.ownpods import Source
from batchai_operator.engine.files.readers import Absence
from batchai_operator.engine.files.straight import Straight


class Origin(Protocol):
    """Where the files of one job or volume are."""

    @property
    def is_growing(self) -> bool:
        """Whether files may still be written."""
        ...

    @property
    def ends_alone(self) -> bool:
        """Whether the end of a live source is the end of all that is written."""
        ...

    @property
    def straight(self) -> Straight:
        """Blob storage itself."""
        ...

    async def live(self) -> Source | Absence | None:
        """Look again; return where files can be read as they grow, None when they do not grow."""
        ...

    async def reader(self, directory_id: str) -> Source:
        """Return the reader Pod, made when there is none."""
        ...

    async def folder(self, directory_id: str) -> BlobFolder | None:
        """Return a folder of storage itself, if the caller may have it."""
        ...

    def shortfall(self, directory_id: str) -> str:
        """Return what may be missing of what was written; empty for nothing."""
        ...

    async def news(self) -> str:
        """Return why the files do not grow yet; empty when they may, or nobody knows."""
        ...

    async def forget(self, source: Source) -> None:
        """Give up a source that no longer answers."""
        ...
