"""Twelve conversations, each with what else a template is given."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a place, e.g. \"Oslo\" & more.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "The place's name"},
                "days": {"type": ["integer", "null"], "minimum": 1, "default": 1},
                "unit": {"type": "string", "enum": ["C", "F"]},
            },
            "required": ["place"],
        },
        "return": {"type": "string", "description": "One line"},
    },
}
NO_PARAMETERS = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}}


def _call(name, arguments, identity="call00001"):
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


CONVERSATIONS = {
    "one turn": {"messages": [{"role": "user", "content": "What is 2 + 2?"}], "add_generation_prompt": True},
    "system": {
        "messages": [
            {"role": "system", "content": "You answer in one line.\nAlways."},
            {"role": "user", "content": "Hello!"},
        ],
        "add_generation_prompt": True,
    },
    "several turns": {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "  spaces around  "},
            {"role": "assistant", "content": "\nNoted.\n\n"},
            {"role": "user", "content": "And <tags> & \"quotes\", it's 'fine' \\ so."},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Bye"},
        ],
        "add_generation_prompt": True,
    },
    "ends with the assistant": {
        "messages": [
            {"role": "user", "content": "Count to three"},
            {"role": "assistant", "content": "One, two, "},
        ],
        "add_generation_prompt": False,
    },
    "unicode": {
        "messages": [
            {"role": "system", "content": "Schreib schön — naïve façade, Ǆ ß İ"},
            {"role": "user", "content": "👩‍👩‍👧 e\u0301 你好 שלום \u2028\u00a0\ufeff\u200b tab\t 🇳🇴"},
            {"role": "assistant", "content": "🙂\U0001d4d7"},
            {"role": "user", "content": "𝒳?\r\nline"},
        ],
        "add_generation_prompt": True,
    },
    "empty content": {
        "messages": [
            {"role": "system", "content": ""},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": " \n "},
        ],
        "add_generation_prompt": False,
    },
    "parts": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "You see."}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this? "},
                    {"type": "image"},
                    {"type": "text", "text": "And this?"},
                    {"type": "image_url", "image_url": {"url": "a.png"}},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
            {"role": "user", "content": [{"type": "text", "text": "Sure?"}]},
        ],
        "add_generation_prompt": True,
    },
    "tools offered": {
        "messages": [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "Weather in Oslo?"}],
        "tools": [WEATHER, NO_PARAMETERS],
        "add_generation_prompt": True,
    },
    "tools used": {
        "messages": [
            {"role": "user", "content": "Weather in Oslo and Rome?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    _call("get_weather", {"place": "Oslo", "days": 2, "scale": 1.0, "exact": True, "note": None}),
                    _call("get_weather", {"place": "Róma \"caput\" <mundi>"}, "call00002"),
                ],
            },
            {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"sky\": \"blue\", \"t\": -3.5}"},
            {"role": "tool", "name": "get_weather", "tool_call_id": "call00002", "content": "rain"},
            {"role": "assistant", "content": "Cold, and wet."},
            {"role": "user", "content": "Thanks"},
        ],
        "tools": [WEATHER],
        "add_generation_prompt": True,
    },
    "one tool used": {
        "messages": [
            {"role": "system", "content": "Use tools."},
            {"role": "user", "content": "Time?"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [_call("now", {}, "abcdefghi")]},
            {"role": "tool", "name": "now", "tool_call_id": "abcdefghi", "content": {"time": "07:08", "zone": None}},
        ],
        "tools": [NO_PARAMETERS],
        "add_generation_prompt": True,
        "variables": {"date_string": "05 Mar 2024"},
    },
    "arguments as text": {
        "messages": [
            {"role": "user", "content": "Go"},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "I should call it.\nNow.",
                "tool_calls": [_call("get_weather", "{\"place\": \"Oslo\"}")],
            },
            {"role": "tool", "content": "snow", "tool_call_id": "call00001", "name": "get_weather"},
            {"role": "assistant", "content": "<think>\nIt snows.\n</think>\n\nSnow."},
        ],
        "tools": [WEATHER],
        "add_generation_prompt": False,
    },
    "thinking": {
        "messages": [
            {"role": "system", "content": "Think. /no_think"},
            {"role": "user", "content": "7 * 6?"},
            {"role": "assistant", "content": "<think>\n7 * 6 = 42\n</think>\n\n42", "thinking": "six sevens"},
            {"role": "user", "content": "And 7 * 7?"},
            {"role": "assistant", "reasoning_content": "49, surely", "content": "49"},
            {"role": "user", "content": "Thanks </think> done"},
        ],
        "documents": [{"title": "Tables", "text": "7 * 7 = 49"}, {"title": "Ünïcode", "text": "\U0001f600"}],
        "add_generation_prompt": True,
        "variables": {"enable_thinking": False, "reasoning_effort": "high", "builtin_tools": ["browser", "python"]},
    },
}
