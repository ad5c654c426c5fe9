"""The reference: templates compiled and rendered by `transformers`, with a clock that stands still."""

import datetime
import math

import jinja2
from transformers.utils import chat_template_utils

NOW = datetime.datetime(2024, 3, 5, 7, 8, 9, 12000)


class _Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = _Clock

# What JSON cannot say; the tests add these by hand.
SPECIAL = {"nan": math.nan, "inf": math.inf}


def outcome(source: str, variables: dict) -> dict:
    """The text that a source gives, or at which stage, and as what, the reference refuses it."""
    try:
        template = chat_template_utils._compile_jinja_template(source)
    except Exception as error:
        return {"refused": "parse", "error": type(error).__name__}
    return attempt(lambda: template.render(**variables))


def attempt(render) -> dict:
    """What `render` returns, or the exception that it raises while rendering."""
    try:
        return {"text": render()}
    except Exception as error:
        result = {"refused": "render", "error": type(error).__name__}
        # Of the messages only those count that a template writes itself.
        if type(error) is jinja2.TemplateError:
            result["message"] = str(error)
        return result


_DIRECTIVES = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYzZf%"
# The ends of years, where weeks belong to the year before or after, leap days, and hours around noon and midnight.
_DATES = [
    datetime.datetime(*parts)
    for parts in (
        (2020, 12, 31, 0, 0, 0),
        (2021, 1, 1, 12, 0, 0),
        (2021, 1, 3, 11, 59, 59),
        (2021, 1, 4, 23, 0, 1, 999000),
        (2024, 2, 29, 1, 2, 3, 4000),
        (2024, 12, 30, 13, 30, 0),
        (2026, 12, 31, 9, 5, 7),
        (2027, 1, 1, 10, 10, 10),
        (2000, 10, 9, 6, 7, 8),
        (1999, 7, 4, 21, 0, 0),
    )
]


def dates() -> dict:
    """Dates in every format, each as `strftime` of C writes it."""
    formats = [f"%{letter}" for letter in _DIRECTIVES]
    formats += [f"%{flag}{letter}" for flag in "-_0^#" for letter in "aAbBcdeHIjklmMpPSUVWyY"]
    formats += ["%5d", "%_5m", "%05Y", "%10A", "%Ey", "%Od", "%EY", "%Q", "100%", "%%d", "%B %-d, %Y", "\u00e9%d"]
    cases = [{"date": date.isoformat(), "texts": [date.strftime(form) for form in formats]} for date in _DATES]
    return {"formats": formats, "cases": cases}
