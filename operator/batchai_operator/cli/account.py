"""Which storage account a command means: flags, environment, az's configuration file (spec 6.3).

Called by the commands that create. Name and key belong together: a key is never taken for an
account that another place named, because the Secret of that account would be overwritten with it.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from batchai_operator.cli.documents.completion import STORAGE_SUFFIX, StorageAccount

ACCOUNT_VARIABLE, KEY_VARIABLE = "AZURE_BATCHAI_STORAGE_ACCOUNT", "AZURE_BATCHAI_STORAGE_KEY"
_ACCOUNT_OPTION, _KEY_OPTION = "storage_account", "storage_key"

_SUFFIXES = {
    "azurechinacloud": "core.chinacloudapi.cn",
    "azureusgovernment": "core.usgovcloudapi.net",
    "azuregermancloud": "core.cloudapi.de",
}
"""Suffixes of storage endpoints by the names that az gives to clouds."""


def chosen_account(name: str | None, key: str | None) -> StorageAccount:
    """Return the account of a command, which may be none.

    Args:
        name: of the flag `--storage-account-name`.
        key: of the flag `--storage-account-key`.
    """
    configuration = _configuration()
    found = effective_account(name, key, os.environ, _section(configuration, "batchai"))
    cloud = os.environ.get("AZURE_CLOUD_NAME") or _section(configuration, "cloud").get("name") or ""
    return replace(found, suffix=_SUFFIXES.get(cloud.lower(), STORAGE_SUFFIX))


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
    when the name comes from elsewhere, nor is one in the
    environment or file when nothing there says whose it is.
    """
    known_name = environment.get(ACCOUNT_VARIABLE) or configured.get(_ACCOUNT_OPTION) or None
    known_key = environment.get(KEY_VARIABLE) or configured.get(_KEY_OPTION) or None
    if not name or known_name in {None, name}:
        return StorageAccount(name or known_name, key or known_key)
    return StorageAccount(name, key or None)


def _configuration() -> configparser.ConfigParser:
    """Return az's configuration file; empty when there is none to read."""
    folder = os.environ.get("AZURE_CONFIG_DIR") or "~/.azure"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(Path(folder).expanduser() / "config", encoding="utf-8-sig")
    except (OSError, configparser.Error, UnicodeDecodeError, RuntimeError):
        # Broken, or no home: it is az's to complain.
        return configparser.ConfigParser()
    return parser


def _section(configuration: configparser.ConfigParser, name: str) -> Mapping[str, str]:
    return dict(configuration[name]) if configuration.has_section(name) else {}
