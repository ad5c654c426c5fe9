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
