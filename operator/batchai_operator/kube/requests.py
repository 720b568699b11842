"""One request to the API server: address, credentials, errors of the domain, and a count.

Used by client.py, which knows what is asked; this module knows how. It never retries.
"""

import json
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject

from batchai_operator import names
from batchai_operator.engine.ports import Object, Resource
from batchai_operator.kube.failures import connection_errors, error_from


class Requests:
    """Sends requests by the official client's REST half, which reads credentials and trust.

    Args:
        configuration: address and credentials.
        timeout: seconds that one request may take, connecting included.

    Attributes:
        rest: the official client's REST half.
        counts: requests so far by (verb, plural or `plural/subresource`).
    """

    def __init__(self, configuration: Configuration, *, timeout: float) -> None:
        self.rest = RESTClientObject(configuration)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=min(5, timeout))

    async def send(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        *,
        subresource: str = "",
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Make one request; the answer is a JSON object, whatever was asked."""
        plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
        self.counts[verb, plural] += 1
        doing = f"{verb} {plural} {name or ''}".rstrip()
        path = object_path(resource, namespace, name, subresource)
        wanted = urlencode({key: value for key, value in (query or {}).items() if value})
        configuration = self.rest.configuration
        headers = await authorization(configuration)
        headers |= {"Accept": "application/json", "Content-Type": content_type}
        headers["User-Agent"] = names.FIELD_MANAGER
        with connection_errors(doing):
            response = await self.rest.request(
                method,
                f"{configuration.host}{path}{'?' if wanted else ''}{wanted}",
                headers=headers,
                body=body,
                _request_timeout=self._timeout,
            )
            content: bytes = await response.read()
        if response.status >= 300:
            raise error_from(response.status, content, response.headers, doing)
        answer: Object = json.loads(content)
        return answer


def object_path(
    resource: Resource, namespace: str | None, name: str | None, subresource: str = ""
) -> str:
    """Return the path of a collection or an object below the API server's address."""
    group = "api" if "/" not in resource.api_version else "apis"
    parts = [group, *resource.api_version.split("/")]
    if namespace is not None and resource.namespaced:
        parts += ["namespaces", namespace]
    parts.append(resource.plural)
    parts += [part for part in (name, subresource) if part]
    return "".join(f"/{quote(part, safe='')}" for part in parts)


async def authorization(configuration: Configuration) -> dict[str, str]:
    """Return the header with the bearer token, read again when its file has aged; may be empty."""
    bearer = (await configuration.auth_settings()).get("BearerToken")
    return {"Authorization": bearer["value"]} if bearer else {}
