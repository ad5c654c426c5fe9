"""Small tokenizers as metadata: byte-level BPE, and SentencePiece's BPE with bytes to fall back on."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = [
    "Question: Tom has 3 apples and buys 5 more apples. How many apples does he have?",
    "Answer: Tom has 3 + 5 = 8 apples. The answer is 8.",
    "The quick brown fox jumps over the lazy dog, and then the dog sleeps in the sun.",
    "In the beginning there was the word, and the word was written in a small file.",
]
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_level(vocab: int) -> dict:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=vocab,
            special_tokens=special,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    import json

    model = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    assert len(tokens) == vocab, len(tokens)
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in model["merges"]]
    return {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": tokens,
        "types": [CONTROL if token in special else NORMAL for token in tokens],
        "merges": merges,
        "bos": 1,
        "eos": 2,
        "pad": 0,
        "chat": CHAT,
    }


def sentencepiece(vocab: int) -> dict:
    special = ["<unk>", "<s>", "</s>"]
    data = [f"<0x{byte:02X}>" for byte in range(256)]
    # Letters by how often they are there, then pairs that are worth joining.
    words = ["▁" + word for line in TEXT for word in line.split(" ")]
    counts: dict[str, int] = {}
    for word in words:
        for length in (1, 2, 3, 4):
            for at in range(len(word) - length + 1):
                piece = word[at : at + length]
                counts[piece] = counts.get(piece, 0) + 1
    letters = sorted({letter for word in words for letter in word}, key=lambda c: (-counts[c], c))
    left = vocab - len(special) - len(data)
    letters = letters[: left // 2]
    pieces = sorted(
        (piece for piece in counts if len(piece) > 1 and all(c in letters for c in piece)),
        key=lambda piece: (-counts[piece] * (len(piece) - 1), piece),
    )
    chosen: list[str] = []
    for piece in pieces:
        # What is joined needs a way to be joined.
        known = set(letters) | set(chosen)
        if any(piece[:at] in known and piece[at:] in known for at in range(1, len(piece))):
            chosen.append(piece)
        if len(chosen) == left - len(letters):
            break
    tokens = special + data + chosen + letters
    assert len(tokens) == vocab, len(tokens)
    return {
        "model": "llama",
        "tokens": tokens,
        "types": [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * (vocab - 259),
        "scores": [0.0] * 259 + [-float(i) for i in range(vocab - 259)],
        "bos": 1,
        "eos": 2,
        "unk": 0,
    }
