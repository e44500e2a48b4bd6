"""Starts the reading process: `python -m tinygpt_tui.engine.reading_apart past RUN`, or `log ...`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # its passes would be a tenth of the time in which all is imported
    from .reader_program import write_batches

    write_batches(sys.argv[1:])
