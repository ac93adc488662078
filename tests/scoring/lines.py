"""Lines with the band their score must fall in: the scorer's calibration, readable at a glance."""

from typing import NamedTuple

from storage.catalogue.model import Intent


class Line(NamedTuple):
    persona: str | None
    text: str
    low: int
    high: int
    wanted: tuple[Intent, ...] = ()


LINES: tuple[Line, ...] = (
    # Openers
    Line(None, "Hi, I'm Tal. I love the music they play here. Do you come here often?", 75, 92),
    Line(
        "Hey there.",
        "Hi! I'm Noa, I just moved in upstairs. How long have you lived here?",
        75,
        92,
        ("INTRODUCES_SELF",),
    ),
    Line(None, "Hi, how are you?", 52, 70),
    Line(None, "Hey", 40, 52),
    Line(
        "Hi, welcome to the book club.",
        "Thank you. I'm Dana, and I finished the book last night. What did you think of the ending?",
        75,
        92,
    ),
    Line(None, "Sorry to bother you, I just wondered if maybe I could sit here?", 40, 62),
    # Small talk
    Line("How are you?", "I'm fine, and you?", 58, 70),
    Line("How are you?", "I'm good, thanks! How are you?", 58, 70),
    Line("Hi! How are you?", "Good, thanks, how are you?", 58, 72),
    Line("How are you?", "Fine.", 40, 52),
    Line("How are you?", "ok", 40, 52),
    Line("How was your weekend?", "It was good, thanks. How was yours?", 58, 72),
    Line("How was your weekend?", "Good. I went hiking with my sister on Saturday. Did you get out at all?", 75, 92),
    Line(
        "I just got back from Lisbon.",
        "Oh nice, Lisbon! I've always wanted to see the trams. What did you enjoy most?",
        75,
        92,
    ),
    Line("I just got back from Lisbon.", "Cool", 40, 52),
    Line("What do you do?", "I'm a nurse. What about you?", 58, 70),
    Line(
        "What do you do?",
        "I'm a nurse at a children's hospital, and I love the night shifts because "
        "everyone gets honest at 3 am. What made you choose your job?",
        76,
        95,
    ),
    Line(
        "Nice weather today.",
        "Yes, finally. I walked to work this morning and the whole street smelled of "
        "jasmine. Do you have a favourite season?",
        75,
        92,
    ),
    Line(
        "Do you like jazz?",
        "Yes, I love it. I once managed to burn soup while listening to Coltrane. What kind of music do you cook to?",
        76,
        95,
    ),
    Line("Do you like jazz?", "Yes", 40, 52),
    Line("Do you like jazz?", "idk maybe I guess", 35, 52),
    Line("Do you like jazz?", "Um, I guess I sort of like it, maybe, I don't know.", 35, 55),
    Line(
        "I'm a bit nervous today.",
        "I get that, I was nervous too before my first class. It helps me to breathe "
        "slowly. What are you nervous about?",
        75,
        92,
    ),
    Line(
        "I had a rough day at work.", "That sounds hard. I'm sorry you had to deal with that. What happened?", 74, 92
    ),
    Line("I had a rough day at work.", "Work is work.", 40, 58),
    Line(
        "So what's your plan tonight?",
        "I want to cook pasta and watch a film. Would you like to join me at eight?",
        80,
        96,
        ("PROPOSES",),
    ),
    # Apology and repair
    Line(
        "You forgot my birthday.",
        "I'm really sorry. I forgot, and that was on me. You must have felt hurt. Can I make it up to you on Friday?",
        82,
        97,
        ("APOLOGIZES", "OWNS_IT"),
    ),
    Line(
        "You were an hour late yesterday.",
        "You're right, and I'm sorry you waited so long. I should have called. Let me buy you dinner on Friday.",
        75,
        95,
        ("OWNS_IT",),
    ),
    Line("You were an hour late yesterday.", "I'm sorry, that was on me.", 58, 82),
    Line("You forgot my birthday.", "Sorry.", 40, 52),
    Line("You forgot my birthday.", "It's not my fault, you never remind me of anything!!", 20, 52),
    # Holding a boundary
    Line("Can you lend me some money?", "I understand, but no, I can't lend you money.", 75, 92, ("SETS_LIMIT",)),
    Line(
        "Come on, just this once?",
        "I hear you, and it's still no. I can help you look at your budget instead.",
        78,
        95,
        ("HOLDS_FIRM",),
    ),
    Line(
        "Could you stay late again today?",
        "No, I can't stay late today. I have plans with my family. I'm happy to finish it tomorrow morning.",
        75,
        92,
        ("SETS_LIMIT",),
    ),
    Line("Could you stay late again today?", "No.", 40, 66, ("SETS_LIMIT",)),
    Line(
        "Please, everybody is coming!", "I know it's important to you, and my answer is no.", 70, 92, ("HOLDS_FIRM",)
    ),
    # A job interview
    Line(
        "Tell me about yourself.",
        "I worked as a shift manager at a café for two years, and I learned to stay calm when it gets busy.",
        75,
        92,
        ("STATES_STRENGTH",),
    ),
    Line(
        "What is your greatest strength?",
        "I'm good at listening. For example, last year I trained three new colleagues "
        "because I could explain things patiently.",
        78,
        95,
        ("GIVES_EXAMPLE",),
    ),
    Line(
        "Why do you want this job?",
        "Because I want to work with people, and I love that your team teaches "
        "beginners. How does a first week look here?",
        75,
        95,
        ("GIVES_REASON",),
    ),
    Line("What is your greatest strength?", "I don't know, I'm not really good at anything.", 25, 50),
    Line(
        "Do you have any questions for us?",
        "Yes, I'd like to know how you train new people. What does the first month look like?",
        72,
        92,
        ("ASKS_QUESTION",),
    ),
    # Rude
    Line("You forgot my birthday.", "Whatever, I don't care.", 0, 29),
    Line("What do you do?", "None of your business, leave me alone.", 0, 29),
    Line("What do you do?", "You're an idiot.", 0, 15),
    Line("How are you?", "Shut up", 0, 15),
    Line("Hi, I'm Maya.", "You are so boring, go away.", 0, 15),
    # Hard to read, not rude
    Line("What do you do?", "😂😂😂", 30, 48),
    Line("What do you do?", "?!", 30, 48),
    Line("Where did you grow up?", "Je suis né à Paris et j'aime le pain.", 40, 60),
    Line("Where did you grow up?", "גדלתי בחיפה, ליד הים. ואת?", 40, 60),
)
