"""Spoils an object in one place, with the knowledge of nothing but its schema.

Used by objects.py. No mutation knows whether its result is valid: that the model, the API server
and the planner agree about it is what the tests look at.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from support.strategies.fromschema import Schema, is_secret, map_keys, values
from support.strategies.odd import NUMBERS, odd_texts, wrong_values


@dataclass(frozen=True)
class Place:
    """A value in an object: the dict or list that holds it, its key there, and its schema."""

    holder: Any
    key: Any
    schema: Schema

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


Mutation = Callable[[st.DrawFn, Place], None]


@st.composite
def mutated(draw: st.DrawFn, schema: Schema, spec: dict[str, Any]) -> dict[str, Any]:
    """Draw a copy of the spec with one thing changed."""
    root = {"spec": copy.deepcopy(spec)}
    places = _places(Place(root, "spec", schema))
    place = draw(st.sampled_from(places))
    draw(st.sampled_from(_mutations_for(place)))(draw, place)
    made = root.get("spec")
    return made if isinstance(made, dict) else {}


def _places(place: Place) -> list[Place]:
    found = [place]
    value, schema = place.value, place.schema
    if isinstance(value, dict):
        for key in value:
            child = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if isinstance(child, dict):
                found += _places(Place(value, key, child))
    if isinstance(value, list) and "items" in schema:
        for index in range(len(value)):
            found += _places(Place(value, index, schema["items"]))
    return found


def _mutations_for(place: Place) -> list[Mutation]:
    general: list[Mutation] = [_drop, _null, _wrong, _rename]
    match place.value:
        case str():
            return [*general, _odd, _odd, _spliced, _long, _case, _end]
        case bool():
            return general
        case int():
            return [*general, _bound, _bound, _as_text, _as_float]
        case list():
            return [*general, _repeat, _many, _append, _append]
        case dict():
            return [*general, _unknown, _extra, _extra, _extra, _secret, _copy_key]
        case _:
            return general


def _drop(draw: st.DrawFn, place: Place) -> None:
    del place.holder[place.key]


def _null(draw: st.DrawFn, place: Place) -> None:
    place.put(None)


def _wrong(draw: st.DrawFn, place: Place) -> None:
    place.put(draw(wrong_values()))


def _rename(draw: st.DrawFn, place: Place) -> None:
    """Write a name in another letter case, as the service's documents sometimes did."""
    if isinstance(place.holder, dict) and isinstance(place.key, str) and place.key != "spec":
        change = draw(st.sampled_from((str.upper, str.lower, str.title)))
        place.holder[change(place.key)] = place.holder.pop(place.key)


def _odd(draw: st.DrawFn, place: Place) -> None:
    place.put(draw(odd_texts()))


def _spliced(draw: st.DrawFn, place: Place) -> None:
    text, odd = place.value, draw(odd_texts())
    at = draw(st.integers(0, len(text)))
    place.put(text[:at] + odd + text[at:])


def _long(draw: st.DrawFn, place: Place) -> None:
    most = place.schema.get("maxLength", 64)
    unit = draw(st.sampled_from(("a", "a/", "aa/", "ä", ".", "a.", "\U0001f600", "$A", "9")))
    place.put(
        (unit * (most + 1))[: most + draw(st.sampled_from((-1, 0, 1)))]
        + draw(st.sampled_from(("", "", "!", " ")))
    )


def _case(draw: st.DrawFn, place: Place) -> None:
    place.put(draw(st.sampled_from((str.upper, str.lower, str.title, str.swapcase)))(place.value))


def _end(draw: st.DrawFn, place: Place) -> None:
    place.put(
        place.value + draw(st.sampled_from(("\n", " ", "/", ".", "\x00", "\u017f", "\u212a")))
    )


def _bound(draw: st.DrawFn, place: Place) -> None:
    schema = place.schema
    ends = [schema[name] for name in ("minimum", "maximum") if name in schema]
    near = [end + step for end in ends for step in (-1, 0, 1)]
    place.put(draw(st.sampled_from((*near, *NUMBERS, 2**63, 10**30, -5))))


def _as_text(draw: st.DrawFn, place: Place) -> None:
    place.put(str(place.value))


def _as_float(draw: st.DrawFn, place: Place) -> None:
    place.put(draw(st.sampled_from((float(place.value), place.value + 0.5))))


def _repeat(draw: st.DrawFn, place: Place) -> None:
    if place.value:
        place.value.append(copy.deepcopy(draw(st.sampled_from(place.value))))


def _append(draw: st.DrawFn, place: Place) -> None:
    place.value.append(
        draw(values(place.schema["items"]) if "items" in place.schema else st.none())
    )


def _many(draw: st.DrawFn, place: Place) -> None:
    """Make a list as long as it may be, or one longer, its entries all different."""
    most = place.schema.get("maxItems", 4)
    if not place.value or not isinstance(place.value[0], (dict, int, str)):
        return
    first, keys = place.value[0], map_keys(place.schema)
    made: list[Any] = []
    for index in range(most + draw(st.sampled_from((0, 1)))):
        item = copy.deepcopy(first)
        if isinstance(item, dict):
            item.update(dict.fromkeys(keys, f"a{index}"))
        made.append(item)
    place.put(made)


def _unknown(draw: st.DrawFn, place: Place) -> None:
    name = draw(st.sampled_from(("nodeCounts", "label", "Name", "x", "a b", "\u00e4", "")))
    place.value[name] = draw(wrong_values())


def _extra(draw: st.DrawFn, place: Place) -> None:
    """Add a field that the schema has and the object has not: a second toolkit, for instance."""
    missing = [
        name
        for name, child in place.schema.get("properties", {}).items()
        if name not in place.value and not is_secret(child)
    ]
    if missing:
        name = draw(st.sampled_from(missing))
        place.value[name] = draw(values(place.schema["properties"][name]))


def _secret(draw: st.DrawFn, place: Place) -> None:
    for name, child in place.schema.get("properties", {}).items():
        if is_secret(child):
            place.value[name] = draw(st.sampled_from(("TOPSECRET", "", None, ["TOPSECRET"])))


def _copy_key(draw: st.DrawFn, place: Place) -> None:
    """Give entries of different lists the same key: shared mount paths."""
    entries = [
        (item, key)
        for name, child in place.schema.get("properties", {}).items()
        for key in map_keys(child)
        for item in (place.value.get(name) or () if isinstance(place.value.get(name), list) else ())
        if isinstance(item, dict) and key in item
    ]
    if len(entries) > 1:
        (one, key), (other, same) = draw(st.permutations(entries))[:2]
        other[same] = one[key]
