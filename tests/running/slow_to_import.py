"""Takes as long to import as no library does, and says in the file IMPORTING which process does."""

import os
import time
from pathlib import Path

Path(os.environ["IMPORTING"]).write_text(str(os.getpid()))
time.sleep(600)
