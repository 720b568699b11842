"""The domain's errors; none knows kopf, HTTP or the Kubernetes client.

Adapters raise them in place of their vendor's exceptions, edges translate them: handlers into
another try of the work queue, the command line into an exit code.
"""


class BatchAIError(Exception):
    """Root of everything this package raises on purpose."""


class InvalidSpecError(BatchAIError):
    """An object says something that cannot be carried out; trying again does not help.

    Attributes:
        code: error code for `executionInfo.errors`, in the service's style.
        field: path of the offending field, such as `mountVolumes.fileServers[0]`.
    """

    def __init__(self, message: str, *, code: str = "InvalidJob", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class NotFoundError(BatchAIError):
    """The object asked for does not exist."""


class ConflictError(BatchAIError):
    """The object exists already, or has changed since it was read."""


class NameTakenError(ConflictError):
    """A name that we need belongs to something else; somebody has to remove that."""


class ForbiddenError(BatchAIError):
    """The API server, a volume, or a policy such as Pod Security refused for lack of rights."""


class RejectedError(BatchAIError):
    """The API server refused the content of a request; it says why."""


class StorageError(BatchAIError):
    """A storage account cannot be used now; the message says what a person can do.

    Attributes:
        reason: CamelCase word, such as `StorageKeyRefused`.
        retry_after: seconds to wait, when the other side named a time.
    """

    def __init__(self, message: str, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class UnavailableError(BatchAIError):
    """The other side did not answer, or asked for patience.

    Attributes:
        retry_after: seconds to wait, when the other side named a time.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
