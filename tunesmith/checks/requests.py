"""Requests to hang constraints on: our own topics, asked in plain, casual, formal and roundabout words."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

TOPICS = """
keeping bees in a city
how bread rises
the sound of a cello
growing tomatoes on a balcony
why leaves turn red
public libraries
how a bicycle stays upright
the water cycle
learning to swim as an adult
packing for a mountain walk
how locks and keys work
old railway stations
choosing a first telescope
the history of paper
mending clothes by hand
how vaccines work
the rules of chess
night markets
writing a letter of thanks
recycling glass
how coral reefs form
living with a greyhound
the smell of rain
sharing a kitchen with housemates
how lighthouses guide ships
making a family budget
moss on stone walls
the job of a river pilot
how clouds get their shapes
starting a book club
wind power at sea
how cheese ripens
teaching a parrot to talk
maps of the sky
walking to school
how earthquakes are measured
repairing a wooden chair
the life of an octopus
planning a surprise party
why we yawn
how compost is made
village choirs
how a suspension bridge holds
the taste of sea salt
looking after a sourdough starter
how birds find their way
small talk in a lift
the craft of bookbinding
how glaciers move
setting up a quiet workplace
how pencils are made
folk dances
buying a used car
how the heart pumps blood
saving water in summer
the first day in a new job
how soap cleans
street art
how radio waves travel
naming a newborn goat
""".strip().split("\n")

AUDIENCES = """
a curious child
a busy colleague
my grandmother
new members of our club
people who read on their phones
a class of teenagers
a visitor from abroad
somebody who knows nothing about it
an expert in another field
readers of a local newspaper
""".strip().split("\n")

FORMS = """
Tell me about {topic}.
What should I know about {topic}?
Write something about {topic} for {audience}.
Write a blog post about {topic}.
Write a short letter to {audience} about {topic}.
Describe {topic} to {audience}.
Give me some advice on {topic}.
Summarize what matters about {topic}.
Write a story that has to do with {topic}.
Hey, can you fill me in on {topic}?
so I got curious about {topic} - what's the deal with it?
Quick one: {topic}. What would you tell {audience}?
Could you jot down a few thoughts on {topic} for me?
I need a text on {topic} and I've got no idea where to start, help!
Kindly provide an overview of {topic}, intended for {audience}.
I would be grateful for a brief account of {topic}.
Please draft a statement on {topic} that could be presented to {audience}.
We kindly request an introduction to {topic} suitable for {audience}.
May I ask you to set out the essentials of {topic}?
Next week I am giving a talk on {topic} to {audience}, and I would like a text that I can read out; what would you write?
Two friends of mine disagree about {topic}: one finds it dull and the other fascinating. Write what you would say to them.
Imagine that you have worked for years on {topic} and that {audience} asks you what it is really about. What do you answer?
Having read a little about {topic}, I still cannot explain it to {audience}. Write the explanation that I am looking for.
Our newsletter has an empty column, and {topic} is to fill it, in a way that {audience} can enjoy. Write the column.
""".strip().split("\n")


@dataclass(frozen=True)
class Request:
    """What is asked for before any constraint, and what it is about."""

    text: str
    topic: str


def draw_request(random: Random) -> Request:
    """One of the topics in one of the forms; the generator decides which."""
    topic = random.choice(TOPICS)
    return Request(random.choice(FORMS).format(topic=topic, audience=random.choice(AUDIENCES)), topic)
