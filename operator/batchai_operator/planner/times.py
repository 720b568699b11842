"""Times as the objects carry them: UTC, ISO 8601. Used all over the planner; it reads no clock."""

from datetime import UTC, datetime

# A container may write any time into its record. Near the ends of the calendar the next step, to
# UTC or by a lifetime, would leave it.
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


def render(moment: datetime) -> str:
    """Return a time as the service wrote it, with milliseconds (spec 1.7)."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def render_seconds(moment: datetime) -> str:
    """Return a time as Kubernetes writes it, without a fraction."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: object) -> datetime | None:
    """Return a time that an object carries, None when it carries none that makes sense."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
