"""Takes as long to import as no library does, and says which process does it."""

import os
import time
from pathlib import Path

Path("importing").write_text(str(os.getpid()))
time.sleep(600)
