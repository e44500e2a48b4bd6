"""How this program starts itself again, whatever it is installed as."""

import sys

# -P: a click.py in the folder where a person stands is not imported
OWN_COMMAND = (sys.executable, "-P", "-c", "from tinygpt_tui.tui.cli.main import main; main()")
