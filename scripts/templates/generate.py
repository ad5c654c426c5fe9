"""Generates the expected text of chat templates: what `transformers` makes of them with Python's Jinja2.

    python3 scripts/templates/generate.py --out tests/data/templates

Needs jinja2, tokenizers and transformers; not torch. The templates are the files `*.jinja` in the folder.
"""

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

import conversations
import environment
import snippets
import whole


def _write(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")


def _snippets() -> list[dict]:
    variables = snippets.VARIABLES | environment.SPECIAL
    return [
        {"group": group, "source": source, **environment.outcome(source, variables)}
        for group, sources in snippets.GROUPS.items()
        for source in sources
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    versions = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("jinja2", "markupsafe", "transformers")},
    }
    cases = _snippets()
    _write(out / "snippets.json", {"versions": versions, "variables": snippets.VARIABLES, "cases": cases})
    talks = whole.conversations(out)
    shared = {"tokens": whole.TOKENS, "conversations": conversations.CONVERSATIONS}
    _write(out / "conversations.json", {"versions": versions, **shared, "cases": talks})
    places = whole.places()
    _write(out / "places.json", {"versions": versions, "cases": places})
    _write(out / "dates.json", {"versions": versions, **environment.dates()})
    for name, made in (("snippets", cases), ("conversations", talks), ("places", places)):
        print(f"{len(made)} {name}, {sum('refused' in case for case in made)} of them refused")


if __name__ == "__main__":
    main()
