"""The errors of this package. Each message says what is wrong and what to do about it."""


class DevclusterError(Exception):
    """Something a person can act on; the command line prints it without a traceback."""


class CannotRunHereError(DevclusterError):
    """This machine cannot run the cluster; found before anything was changed."""


class CommandError(DevclusterError):
    """A program that was started ended with an error.

    Attributes:
        code: exit code of the program.
        output: last part of what it wrote.
    """

    def __init__(self, command: list[str], code: int, output: str) -> None:
        """Keep the command's result and make a message of it."""
        self.code = code
        self.output = output
        tail = "\n".join(output.strip().splitlines()[-15:])
        super().__init__(f"`{' '.join(command)}` ended with exit code {code}:\n{tail}")
