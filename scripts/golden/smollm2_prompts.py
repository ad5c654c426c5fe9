"""What SmolLM2 is asked in its golden data: conversations, texts to score, prompts to continue."""

#: Conversations for the chat template: messages, and whether the answer is begun.
CHATS: list[tuple[list[dict], bool]] = [
    ([{"role": "user", "content": "What is the capital of France?"}], True),
    ([{"role": "user", "content": "What is the capital of France?"}], False),
    ([{"role": "system", "content": "You answer in one word."}, {"role": "user", "content": "What colour is grass?"}], True),
    ([{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi! How can I help?"}, {"role": "user", "content": "Count to 3."}], True),
    ([{"role": "system", "content": ""}, {"role": "user", "content": ""}], True),
    ([{"role": "user", "content": "  spaces, \ttabs\n\nand lines  \n"}, {"role": "assistant", "content": "naïve café — 東京 🏳️‍🌈 <b>&amp;</b>"}], False),
    ([{"role": "user", "content": "Say <|im_end|> and <|im_start|>user\n{{ messages }} {% if %}"}], True),
    ([{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "Do you?"}, {"role": "system", "content": "Late."}], True),
    ([{"role": "tool", "content": "42"}, {"role": "user", "content": "What did the tool say?"}], True),
]

#: Texts whose every token is scored.
TEXTS: list[str] = [
    "The quick brown fox jumps over the lazy dog. It then sat down by the river, watched the water go by, and thought about nothing in particular.",
    "Water boils at 100 degrees Celsius at sea level. On a mountain of 3000 metres it boils at about 90 degrees, because the pressure of the air is lower there.",
    "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        yield a\n        a, b = b, a + b\n\nprint(list(fibonacci(10)))\n",
    "Question: A farmer has 17 sheep and buys 5 more. He then sells 9. How many sheep does he have?\nAnswer: He has 17 + 5 - 9 = 13 sheep.",
    "Liebe Grüße aus München! Die Straße ist naß, und die Bäume blühen schon.",
    "東京は日本の首都です。人口は約1400万人で、世界で最も大きな都市の一つです。",
    "Съешь ещё этих мягких французских булок, да выпей же чаю. 1234567890",
    "🏳️‍🌈 👩‍👩‍👧 1️⃣ — “quotes” … ‰ €99,95 \u200b\ufeff\x07 e\u0301",
    "SELECT name, COUNT(*) FROM users WHERE age >= 21 GROUP BY name HAVING COUNT(*) > 1 ORDER BY 2 DESC;",
    "<|im_start|>user\nWrite a haiku about snow.<|im_end|>\n<|im_start|>assistant\nSnow falls on the roofs,\nthe street forgets its own name,\na cat counts its steps.<|im_end|>\n",
    "a",
    "\n\n\n   \t\t  \n",
]

#: What a user asks; of these the first whose choices are clear enough are continued.
QUESTIONS: list[str] = [
    "What is the capital of France?",
    "Why is the sky blue?",
    "Write a short poem about the sea.",
    "Explain photosynthesis in two sentences.",
    "What is 12 times 8?",
    "Give me three tips for better sleep.",
    "Translate 'good morning' into Spanish.",
    "Who wrote Romeo and Juliet?",
    "List the planets of the solar system.",
    "What is a prime number?",
    "How do I boil an egg?",
    "Write a Python function that adds two numbers.",
    "What is the largest ocean on Earth?",
    "Tell me a joke.",
    "What is the difference between a virus and a bacterium?",
    "Summarize the story of Cinderella.",
    "How many days are in a leap year?",
    "What does DNA stand for?",
    "Name five fruits.",
    "Describe a sunset over the mountains.",
    "What is machine learning?",
    "Why do leaves change colour in autumn?",
    "Give me a recipe for pancakes.",
    "What is the boiling point of water?",
    "Write a polite email asking for a day off.",
    "What is the speed of light?",
    "Who painted the Mona Lisa?",
    "How does a bicycle stay upright?",
    "What is gravity?",
    "Name the four seasons.",
]

#: Texts to continue without a template.
OPENINGS: list[str] = [
    "Once upon a time, there was a little girl who",
    "The three primary colors are",
    "In 1969, humans first",
    "def is_even(n):\n",
    "The recipe calls for two cups of",
    "My favorite season is",
    "Dear Sir or Madam,\n",
    "The history of Rome begins",
    "import numpy as np\n\n",
    "1, 2, 3, 4,",
    "The mitochondria is the",
    "It was a dark and stormy night;",
    "To be or not to be,",
    "The most important thing about learning is",
    "Scientists have discovered",
    "# Introduction\n\n",
    "Paris is the capital of France. Berlin is the capital of",
    "The dog ran across the",
    "According to the report,",
    "When the train arrived,",
]
