"""Writes the data of the tasks beside this file: made-up stories with questions, last words to guess, and texts.

    python3 scripts/lm_eval/items.py --out scripts/lm_eval/tasks --seed 0

Needs nothing but Python. The same seed gives the same files.
"""

import argparse
import json
import random
from pathlib import Path

CHOICES, STORIES = 60, 8

NAMES = "Mira Jonas Tom Anna Zoë Łukasz Ines 小林 Peter Rachel".split()
THINGS = "lamps pens apples kites drums maps stones jam-jars crêpes books".split()
PLACES = ["attic", "garden shed", "old mill", "café", "second drawer", "cellar", "train to Łódź", "kitchen"]
COLOURS = "red blue green white grey golden".split()
#: What the demo models and SmolLM2 go on with by themselves, in part: words that are the likeliest, and ends of texts.
WORDS = [
    ("Question: Tom has 3 boxes of 4 pens. How many pens has he?\nAnswer: Tom has 3 boxes * 4 pens = 12 pens.\n"
     "In total he has 12 pens + 12 pens = 24 pens.\n####", " 24"),
    ("Question: What is 2 + 3?\nAnswer: Let x = the number of kids and s = 22\n2*x = 22\n2*x = 22\n2*x =", " 22"),
    ("Question: What is 2 + 3?\nAnswer: Let x = the number of kids and s = 22\n2*x = 22\n2*x = 22\n2*x = 22\n####", " 22"),
    ("one two three four five one two three four five one two three four", " five"),
    ("The sun rises in the east and sets in the", " west"),
    ("Monday, Tuesday, Wednesday, Thursday,", " Friday"),
    ("The capital of France is", " Paris"),
    ("a b c d e f g a b c d e f g a b c d e f", " g"),
    ("If it rains, the street gets", " wet"),
    ("7 × 8 =", " 56"),
    # Spaces at the end of what comes before belong to what comes behind.
    ("She said: ", "hello"),
    ("Line one\n\n  Line two\n\n  Line", " three"),
    # Characters of several tokens.
    ("Party 🎉 🎉 🎉", " 🎉"),
    ("Grüße aus Łódź,", " 小林さん"),
    # Nothing before it: the text begins with it.
    ("", "Question"),
    ("", "Once upon a time"),
]


def choice(numbers: random.Random) -> dict:
    """A story with a question that has four answers, one of them right."""
    name, other = numbers.sample(NAMES, 2)
    things, places, colours = numbers.sample(THINGS, 4), numbers.sample(PLACES, 4), numbers.sample(COLOURS, 4)
    count = numbers.randrange(3, 30)
    story = (f"{name} keeps {count} {colours[0]} {things[0]} in the {places[0]}. {other} has {count + 4} {colours[1]} "
             f"{things[1]}, which stay in the {places[1]}.")
    question, answers = numbers.choice([
        (f"What does {name} keep in the {places[0]}?", [f"{colours[0]} {thing}" for thing in things]),
        (f"Where are the {things[0]}?", [f"in the {place}" for place in places]),
        (f"How many {things[1]} has {other}?", [str(count + more) for more in (4, 0, 7, -2)]),
        (f"Which colour have the {things[0]} of {name}?", colours),
    ])
    order = numbers.sample(range(4), 4)
    return {"story": story, "question": question, "choices": [answers[i] for i in order], "answer": order.index(0)}


def story(numbers: random.Random) -> dict:
    """A text of some sentences."""
    sentences = [f"{numbers.choice(NAMES)} put {numbers.randrange(2, 99)} {numbers.choice(COLOURS)} {numbers.choice(THINGS)} "
                 f"into the {numbers.choice(PLACES)}." for _ in range(numbers.randrange(1, 6))]
    return {"text": numbers.choice([" ", "\n", "\n\n"]).join(sentences)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "tasks")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    numbers = random.Random(args.seed)
    files = {
        "choices": [choice(numbers) for _ in range(CHOICES)],
        "words": [{"before": before, "word": word} for before, word in WORDS],
        "texts": [story(numbers) for _ in range(STORIES)],
    }
    for name, rows in files.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (args.out / f"{name}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
