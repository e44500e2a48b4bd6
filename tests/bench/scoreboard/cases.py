"""All cases: healthy runs, and runs with one fault."""

from .case import Case, Collection
from .faulty import faulty
from .healthy import healthy


def cases() -> tuple[Case, ...]:
    collection = Collection()
    healthy(collection)
    faulty(collection)
    return tuple(collection.values())
