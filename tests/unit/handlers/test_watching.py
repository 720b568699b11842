"""kopf's side: six event handlers that deliver, none that writes, and selectors for the server."""

import kopf
import pytest
from kopf._cogs.structs.references import Resource as KopfResource

from batchai_operator import names
from batchai_operator.engine.ports import (
    CLUSTERS,
    DEPLOYMENTS,
    EVENTS,
    FILE_SERVERS,
    JOBS,
    PODS,
)
from batchai_operator.handlers import watching


def _kopf_resource(resource):
    group, _, version = resource.api_version.rpartition("/")
    return KopfResource(group, version, resource.plural, kind=resource.kind)


async def _login():
    return kopf.ConnectionInfo(server="https://example.invalid")


@pytest.mark.parametrize(
    "resource",
    [JOBS, CLUSTERS, FILE_SERVERS, DEPLOYMENTS, PODS, EVENTS],
    ids=lambda r: r.plural,
)
async def test_each_kind_is_delivered_as_what_it_is(resource):
    got = []
    registry = watching.registry(lambda *delivered: got.append(delivered), _login)
    handlers = [
        handler
        for handler in registry._watching.get_all_handlers()
        if handler.selector.check(_kopf_resource(resource))
    ]
    (handler,) = handlers
    obj = {"metadata": {"name": "x"}}
    for type_ in (None, "ADDED", "MODIFIED", "DELETED"):
        result = await handler.fn(event={"type": type_, "object": obj}, name="x", logger=None)
        # A value would be written into the object's status.
        assert result is None
    assert got == [(resource, type_, obj) for type_ in (None, "ADDED", "MODIFIED", "DELETED")]


def test_nothing_detects_changes_indexes_or_needs_finalizers():
    registry = watching.registry(lambda *_: None, _login)
    assert len(registry._watching.get_all_handlers()) == 6
    for kind in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert not kind.get_all_handlers()


def test_the_server_filters_pods_and_events_and_nothing_else_is_watched():
    settings = watching.settings()
    pods = settings.watching.label_selectors.collect(_kopf_resource(PODS))
    events = settings.watching.field_selectors.collect(_kopf_resource(EVENTS))
    assert list(pods) == [watching.POD_SELECTOR]
    assert list(events) == ["involvedObject.kind=Pod,reason=FailedMount"]
    deployments = settings.watching.label_selectors.collect(_kopf_resource(DEPLOYMENTS))
    assert list(deployments) == [watching.SERVER_SELECTOR]
    for ours in (JOBS, FILE_SERVERS):
        assert not list(settings.watching.label_selectors.collect(_kopf_resource(ours)))
    assert settings.scanning.disabled
    assert not settings.posting.enabled


def test_a_watch_ends_by_itself_before_its_silence_counts_as_death():
    watching_settings = watching.settings().watching
    # The bookmark comes 2 s before the end; a shorter patience would never see it.
    assert watching_settings.server_timeout < watching_settings.inactivity_timeout
    assert watching_settings.inactivity_timeout <= 45


def test_kopfs_marks_would_carry_our_name():
    settings = watching.settings()
    assert settings.persistence.finalizer.startswith(names.GROUP)
    assert settings.persistence.progress_storage.prefix == names.GROUP
    assert settings.persistence.diffbase_storage.prefix == names.GROUP
