"""The kinds of files that runs are exported to."""

SUFFIXES = (".csv", ".jsonl", ".parquet", ".html", ".md", ".svg", ".png", ".tfevents")


def suffix_of(name: str) -> str:
    """The one of SUFFIXES that the name of a file ends with; empty for others. TensorBoard has a form of its own."""
    if ".tfevents." in name:
        return ".tfevents"
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
