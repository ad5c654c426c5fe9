"""Made-up texts that tokenizers find hard: many scripts, spaces, controls, emoji, code, added tokens."""

import random

# First and last letters (and what is written with them) of sixteen scripts and more.
_SCRIPTS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "latin-extended": "àâäæçéèêëîïôöœùûüÿñßøåłžščřőűİıŐẞǅ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΣΩάέήίόύώ",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГД",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתךםןףץ\u05b0\u05b8\u05bc",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويةىء\u064e\u0651پچژگ",
    "devanagari": "अआइईउकखगघचजटडतदनपबमयरलवशसह\u093e\u093f\u0940\u0947\u094d\u0902",
    "bengali": "অআইকখগঘচজটডতদনপবমযরলশসহ\u09be\u09bf\u09c7\u09cd",
    "tamil": "அஆஇஈஉகஙசஞடணதநபமயரலவழளறன\u0bbe\u0bbf\u0bc1\u0bcd",
    "thai": "กขคงจฉชซญดตถทธนบปผพฟภมยรลวสหอฮะาำ\u0e31\u0e34\u0e35\u0e48\u0e49เแโใไๆ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "ethiopic": "ሀለሐመሠረሰሸቀበተነአከወዘየደገጠጰፀፈፐ",
    "khmer": "កខគឃងចឆជញដឋឌណតថទធន\u17b6\u17b7\u17d2",
    "hangul": "가나다라마바사아자차카타파하한국어말씀글",
    "kana": "あいうえおかきくけこさしすせそたちつてとなにぬねのアイウエオカキクケコがざばぱー",
    "han": "的一是不了人我在有他这中大来上国个到说们為時漢字語學㐂𠀀𠮷𪜶",
    "deseret": "𐐀𐐁𐐂𐐨𐐩𐐪𞤀𞤢",
}
_MARKS = "\u0301\u0308\u0327\u030a\u0323\u0300\u20d7\ufe0f\u200d"
_DIGITS = "0123456789" * 4 + "٠١٢٣۴५६๗໘၅²³¹½¾⅓Ⅷⅻ①⑩㊿零〇一𝟗𝟘１２９𑁦"
_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" * 3 + "¡¿«»§¶·…–—‘’“”‚„†‡•′″‹›€£¥¢₿©®™°±×÷√∞≈≠≤≥∑∂∆←↑→↓⇒■□▲●◆★☆♠♥♪✓✗、。「」『』【】〜・！？，．：；（）～￥৳؟،؛।॥፡።༄"
_SPACES = [" "] * 12 + ["  ", "   ", "        ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", " \n", "\n ", "\n\t\t", " \t "]
_ODD_SPACES = ["\u00a0", "\u0085", "\u1680", "\u2002", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\x0b", "\x0c", "\x1c", "\x1f"]
_CONTROLS = ["\x00", "\x01", "\x07", "\x08", "\x1b", "\x7f", "\x80", "\x9f", "\u00ad", "\u200b", "\u200c", "\u200e", "\u200f", "\u202e", "\u2060", "\u2066", "\ufeff", "\ufff9", "\ufffc", "\ufffd", "\ufffe", "\uffff", "\U000e0041", "\U000e0100", "\ue000", "\U000f0000", "\U0010ffff", "\u0378", "\U0001f9ff", "\U00031350", "\u1c89", "\ua7cb", "\U0001ccf0", "\U00016d70"]
_EMOJI = ["😀", "👍", "👍🏽", "❤️", "🔥", "🎉", "👩‍👩‍👧", "👨🏿‍🚀", "🏳️‍🌈", "🇩🇪", "🇯🇵🇺🇸", "1️⃣", "#️⃣", "☺", "☺️", "🫠", "🪿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🧑‍🦰", "✊🏻"]
_TYPOGRAPHY = ["ﬁ", "ﬀ", "Å", "Ⅳ", "①", "㈱", "㍿", "ｶﾞ", "Ａｂｃ", "e\u0301", "é", "ñ", "n\u0303", "각", "ᄀ\u1161\u11a8", "\u1e9b\u0323", "ǆ", "ℌ", "x²", "½", "…", "™", "a\u0315\u0300\u05ae", "ﷺ", "\u0344", "Ω", "ﾊﾟ"]
_SHORT = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s", "'x", "''", "n't", "I'm", "we'Re", "ſ", "'ſ"]
_CODE = [
    "def f(x, y=1):\n    return x ** 2 + y  # sum\n", "for (let i = 0; i < n; i++) {\n\tsum += a[i];\n}\n", "if x!=None and y==3.14e-10: pass",
    "<div class=\"a b\">&nbsp;</div>\r\n", "SELECT * FROM t WHERE id=42;", "{\"key\": [1, 2.5, null, true]}", "https://example.org/a?b=c&d=%20#e",
    "const camelCase = snake_case + UPPER_CASE1;", "/* a */ // b\n#include <stdio.h>\n", "x = 0xFF00 | 1_000_000", "\\frac{a}{b} $x^2$", "user@mail.example", "1,234,567.89", "2024-01-31T12:59:59Z", "C:\\dir\\file.txt", "::std::vec<u8>::new()?;", "        return\n\n\n        else:", "a.b(c)[d]->e", "192.168.0.1:8080", "@@ -1,3 +1,4 @@",
]

ADDED = [
    "<s>", "</s>", "<unk>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>",
    "<think>", "</think>", "<tool_call>", "</tool_call>", "[INST]", "[/INST]", "[TOOL_CALLS]", "<|user|>", "<|assistant|>", "<|end|>", "<bos>", "<eos>",
    "<start_of_turn>", "<end_of_turn>", "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<|EOT|>", "<jupyter_code>", "|||EMAIL_ADDRESS|||",
    "wordy", "Wordy", "ordy", "<mask>", "<|fim_prefix|>", "[gMASK]", "<pad>", "ＦＵＬＬ", "full", "<|im_", "<|", "s>", "éclair", "e\u0301clair",
]


def _word(rng: random.Random, script: str, most: int = 9) -> str:
    letters = _SCRIPTS[script]
    text = "".join(rng.choice(letters) for _ in range(1 + rng.randrange(most)))
    if rng.randrange(12) == 0:
        at = rng.randrange(len(text)) + 1
        text = text[:at] + rng.choice(_MARKS) + text[at:]
    return rng.choice([text, text, text, text.upper(), text.capitalize()])


def _number(rng: random.Random) -> str:
    return "".join(rng.choice(_DIGITS) for _ in range(1 + rng.randrange(7)))


def _piece(rng: random.Random, script: str, added: bool) -> str:
    kind = rng.randrange(100)
    if kind < 40:
        return _word(rng, script)
    if kind < 62:
        return rng.choice(_SPACES)
    if kind < 65:
        return rng.choice(_ODD_SPACES)
    if kind < 68:
        return rng.choice(_CONTROLS)
    if kind < 74:
        return "".join(rng.choice(_SIGNS) for _ in range(1 + rng.randrange(4)))
    if kind < 80:
        return _number(rng)
    if kind < 83:
        return rng.choice(_EMOJI)
    if kind < 86:
        return rng.choice(_TYPOGRAPHY)
    if kind < 89:
        return rng.choice(_SHORT)
    if kind < 92:
        return rng.choice(_CODE)
    if kind < 94:
        return rng.choice([" ", "a", "=", "\n", "你", ".", "1", "\t", "👍", "é", "▁", "Ġ", "\ufffd"]) * (1 + rng.randrange(30))
    if kind < 97:
        return _word(rng, rng.choice(list(_SCRIPTS)))
    if not added:
        return " "
    return rng.choice(["", "", " ", "  ", "a", "\n"]) + rng.choice(ADDED) + rng.choice(["", "", " ", "  ", "b", "\n", "."])


def _prose(rng: random.Random, script: str) -> str:
    words = [_word(rng, script, 4) for _ in range(2 + rng.randrange(8))]
    return " ".join(words) + rng.choice([".", "!", "?", "。", ""])


def texts(seed: int, count: int, added: bool) -> list[str]:
    """`count` texts; with `added`, some contain what one tokenizer or another knows as an added token."""
    rng = random.Random(seed)
    scripts = list(_SCRIPTS)
    out = ["", " ", "a", "\n", " a", "a ", "\ufeff", "\ufeffa", "\x00"] if added else []
    if added:
        out += ADDED + [f" {token} " for token in ADDED] + [f"{a}{b}" for a, b in zip(ADDED, ADDED[1:])]
    while len(out) < count:
        script = scripts[len(out) % len(scripts)]
        if rng.randrange(4) == 0:
            out.append(_prose(rng, script))
        else:
            out.append("".join(_piece(rng, script, added) for _ in range(1 + rng.randrange(12))))
    return out[:count]
