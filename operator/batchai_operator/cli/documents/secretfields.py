"""Taking passwords and secret values out of a file, for Kubernetes Secrets. Pure.

Called by submission.py. Keys of storage accounts belong to the namespace and are completion.py's;
what is here belongs to the one job that brought it.
"""

import base64
import json
from typing import Any

from batchai_operator.engine.commands.secrets import NewSecret
from batchai_operator.errors import InvalidSpecError

DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"


def take_registry_password(properties: dict[str, Any], name: str) -> list[NewSecret]:
    """Turn `imageSourceRegistry.credentials.password` into a reference.

    Args:
        properties: of the job; changed in place.
        name: of the Secret to make.

    Returns:
        The Secret, if there was a password.

    Raises:
        InvalidSpecError: user or registry of the password are unknown.
    """
    container = properties.get("containerSettings")
    registry = container.get("imageSourceRegistry") if isinstance(container, dict) else None
    if not isinstance(registry, dict) or not isinstance(registry.get("credentials"), dict):
        return []
    credentials = registry["credentials"]
    password = credentials.pop("password", None)
    if not any(credentials.values()) and not password:
        # A GET of the old service returned empty credentials; they say nothing.
        del registry["credentials"]
    if not password:
        return []
    path = "containerSettings.imageSourceRegistry"
    username = credentials.get("username")
    if not username:
        raise InvalidSpecError(f"{path}.credentials.username is missing beside the password.")
    server = str(registry.get("serverUrl") or "") or _host(str(registry.get("image", "")))
    if not server:
        raise InvalidSpecError(
            f"{path}.serverUrl is missing: name the registry to which the password belongs."
        )
    registry["credentials"] = {"username": username, "secretRef": {"name": name}}
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    login = {"username": username, "password": password, "auth": pair}
    host = server.removeprefix("https://").removeprefix("http://").rstrip("/")
    config = json.dumps({"auths": {host: login}})
    return [NewSecret(name=name, data={".dockerconfigjson": config}, type=DOCKER_CONFIG)]


def take_secret_values(properties: dict[str, Any], name: str) -> list[NewSecret]:
    """Turn `secrets[].value` into references to one Secret.

    Args:
        properties: of the job; changed in place.
        name: of the Secret to make.

    Returns:
        The Secret, if there were values.
    """
    values = {}
    for entry in properties.get("secrets") or []:
        if isinstance(entry, dict) and entry.get("value") is not None and "name" in entry:
            values[str(entry["name"])] = str(entry.pop("value"))
            entry["secretKeyRef"] = {"name": name, "key": entry["name"]}
    return [NewSecret(name=name, data=values)] if values else []


def _host(image: str) -> str:
    """The registry in an image's reference; without a dot or port the first part is a folder."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first) else ""
