"""Lets these programs import the modules of `scripts/train_head`; imported before those."""

import sys
from pathlib import Path

#: Where they are.
FOLDER = Path(__file__).parent.parent / "train_head"
sys.path.append(str(FOLDER))
