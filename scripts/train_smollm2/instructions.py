"""Made-up instructions: short patterns filled with subjects, and what can be asked of a text or of an answer."""

import random

SUBJECTS = """photosynthesis;the water cycle;black holes;the French Revolution;supply and demand;machine learning;the human heart;plate tectonics;
volcanoes;the Roman Empire;democracy;inflation;vaccines;the immune system;gravity;electric cars;solar panels;wind power;the printing press;the internet;
jazz music;classical music;chess;football;basketball;swimming;yoga;meditation;sleep;nutrition;cooking pasta;baking bread;gardening;bees;whales;elephants;
penguins;dinosaurs;the moon landing;Mars;comets;the ocean;coral reefs;rain forests;deserts;mountains;rivers;climate change;recycling;public transport;
bicycles;bridges;skyscrapers;ancient Egypt;ancient Greece;the Silk Road;the Renaissance;Shakespeare;poetry;short stories;science fiction;painting;
photography;film making;theatre;dance;fashion;architecture;languages;grammar;learning a language;public speaking;time management;teamwork;leadership;
job interviews;writing a CV;saving money;budgeting;taxes;small businesses;marketing;customer service;online shopping;social media;privacy;passwords;
databases;web development;Python programming;sorting algorithms;recursion;binary search;operating systems;computer networks;cloud computing;robots;
probability;statistics;fractions;geometry;algebra;prime numbers;the Pythagorean theorem;chemistry;acids and bases;the periodic table;atoms;DNA;evolution;
the brain;memory;habits;stress;friendship;parenting;teaching children;school;university;libraries;museums;travel;camping;hiking;Italy;Japan;Brazil;Kenya;
Canada;India;tea;coffee;chocolate;cheese;apples;dogs;cats;horses;birds;weather;storms;snow;autumn;spring;holidays;birthdays;weddings;ethics;philosophy;
happiness;justice;the law;elections;newspapers;radio;video games;board games;puzzles;magic tricks;astronomy;telescopes;microscopes;maps;money;trade""".replace("\n", "").split(";")

ABOUT = """Explain {x} to a ten-year-old.;What is important to know about {x}?;Write a short paragraph about {x}.;Give me five facts about {x}.;
Write a poem about {x}.;Write a short story that has to do with {x}.;What are the advantages and disadvantages of {x}?;How has {x} changed over time?;
Write a blog post about {x} for beginners.;Write a persuasive essay on why {x} matters.;Make a list of questions for a quiz about {x}, with answers.;
Describe {x} in three sentences.;What are common misconceptions about {x}?;Write an email to a friend who wants to learn about {x}.;
Outline a lesson plan about {x}.;Compare {x} and {y}.;How are {x} and {y} related?;Write a dialogue between two people about {x} and {y}.;
What would the world be like without {x}?;Imagine you are an expert on {x}. What advice would you give?;Write a headline and a summary for an article about {x}.;
Define {x}.;Why do people care about {x}?;Give step-by-step advice on getting started with {x}.;Write a speech about {x}.;
Write a product description that has something to do with {x}.;Tell me a joke about {x}.;What books or topics should I read to learn about {x}?;
Translate this sentence into French: I like {x}.;Translate this sentence into Spanish: We talked about {x} and {y} yesterday.;
Translate this sentence into German: They know a lot about {x}.;Classify the following as positive or negative: I never cared for {x}, but now I love it.""".replace("\n", "").split(";")

CODE = """Write a Python function that {x}.;Write a Python function with a docstring and an example that {x}.;How do I write a function in JavaScript that {x}?;
Explain step by step how to write a program that {x}.;Write a C++ function that {x}.;Complete the following Python function.\n\ndef solve(values):\n    \"\"\"A function that {x}.\"\"\"\n""".replace(";\n", ";").split(";")
TASKS = """reverses a string;adds two numbers;finds the largest number of a list;counts the vowels of a string;checks whether a number is prime;
computes the factorial of a number;sorts a list of names;removes duplicates from a list;merges two sorted lists;checks whether a word is a palindrome;
computes the Fibonacci sequence;finds the most frequent word of a text;converts Celsius to Fahrenheit;sums the digits of a number;
reads a file and prints its lines;finds the second largest element;flattens a nested list;counts words;finds common elements of two lists;
computes the average of a list;groups words by their first letter;checks whether brackets are balanced;implements a stack;implements a queue;
does a binary search;computes the greatest common divisor;transposes a matrix;checks whether two words are anagrams;parses a date;
generates a random password;finds all even numbers;rotates a list;capitalizes every word""".replace("\n", "").split(";")

#: What is asked about a passage: before it, and behind it.
PASSAGES = [
    ("Summarize the following text.\n\n", ""), ("Summarize: ", ""), ("", "\n\nSummarize the text above in two sentences."),
    ("Rewrite the following text in simpler words.\n\n", ""), ("Read this text.\n\n", "\n\nWhat are its main points?"),
    ("Give a title to this text.\n\n", ""), ("", "\n\nAnswer the question: what is the text about?"), ("Make a list of key facts of this text: ", ""),
    ("Answer the question with the help of these paragraphs.\n\n", "\n\nQuestion: What do they say, and why does it matter?\nAnswer:"),
]

FOLLOW_UPS = """Can you explain that in simpler words?;Rewrite your previous answer in fewer words.;Give me an example.;Why is that?;
Can you go into more detail on the first point?;Rewrite your answer as a list.;Now write it as a poem.;What are the downsides?;
Rewrite your previous response. Start every sentence with the letter A.;Are you sure? Check your answer.;Tell me more.;
Summarize your answer in one sentence.;How would you explain it to an expert?;What should I do next?;Take a moment to evaluate your own response.;
Can you rephrase your previous answer and make it more formal?;Add a short introduction and a conclusion.;What else is related to this?;
Translate the first sentence into French.;Thank you! Is there anything else that I should know?""".replace("\n", "").split(";")


def made_up(rng: random.Random) -> str:
    """One instruction."""
    if rng.random() < 0.2:
        return rng.choice(CODE).format(x=rng.choice(TASKS))
    x, y = rng.sample(SUBJECTS, 2)
    return rng.choice(ABOUT).format(x=x, y=y)
