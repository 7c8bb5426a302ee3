"""Raw user ids on standard input, one a line -> their pseudonyms, one a line."""

import sys
from pathlib import Path

from userprofile.pipelines.pseudonym import print_pseudonyms

if __name__ == "__main__":
    sys.exit(print_pseudonyms(conf_folder=Path(__file__).parents[1] / "conf"))
