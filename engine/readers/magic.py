"""How the binary stores of training runs begin: by these bytes they are told from text, whatever their names."""

WANDB_MAGIC = b":W&B"
SQLITE_MAGIC = b"SQLite format 3\x00"
_EVENT_FILE_VERSION = b"brain.Event:"
"""Stands in the first record of every TensorBoard event file, behind the record's header."""


def is_event_file(head: bytes) -> bool:
    return _EVENT_FILE_VERSION in head[:64]


def is_store(head: bytes) -> bool:
    return head.startswith((WANDB_MAGIC, SQLITE_MAGIC)) or is_event_file(head)
