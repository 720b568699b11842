"""Which storage account a command means: flags, environment, az's configuration file (spec 6.3).

Called by the commands that create. Name and key belong together: a key is never taken for an
account that another place named, because the Secret of that account would be overwritten with it.
"""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

from batchai_operator.cli.completion import StorageAccount

ACCOUNT_VARIABLE, KEY_VARIABLE = "AZURE_BATCHAI_STORAGE_ACCOUNT", "AZURE_BATCHAI_STORAGE_KEY"
_SECTION, _ACCOUNT_OPTION, _KEY_OPTION = "batchai", "storage_account", "storage_key"


def chosen_account(name: str | None, key: str | None) -> StorageAccount:
    """Return the account of a command, which may be none.

    Args:
        name: of the flag `--storage-account-name`.
        key: of the flag `--storage-account-key`.
    """
    return effective_account(name, key, os.environ, _section())


def effective_account(
    name: str | None,
    key: str | None,
    environment: Mapping[str, str],
    configured: Mapping[str, str],
) -> StorageAccount:
    """Return the account that flags, environment and configuration name together.

    As with az, the environment wins over the file for name and key each, and a name on the command
    line comes with the key on the command line only. Without one its Secret has the key, which is
    what az's look-up of the account's keys was. Unlike az, a key on the command line is not ignored
    when the name comes from elsewhere.
    """
    known_name = environment.get(ACCOUNT_VARIABLE) or configured.get(_ACCOUNT_OPTION) or None
    known_key = environment.get(KEY_VARIABLE) or configured.get(_KEY_OPTION) or None
    if not name or name == known_name:
        return StorageAccount(name or known_name, key or known_key)
    return StorageAccount(name, key or None)


def _section() -> Mapping[str, str]:
    """Return section `batchai` of az's configuration file; empty when there is none to read."""
    folder = os.environ.get("AZURE_CONFIG_DIR") or "~/.azure"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(Path(folder).expanduser() / "config", encoding="utf-8-sig")
    except (OSError, configparser.Error, UnicodeDecodeError, RuntimeError):
        # Broken, or no home: it is az's to complain.
        return {}
    return dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}
