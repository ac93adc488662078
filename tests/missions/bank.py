"""Lines that learners say, filed by what they do and how well: what the edges of the graphs are tried with.

``PLAIN`` lines do little beside what they are filed under, and are of a middling or weak score; ``STRONG`` ones do it
well, mostly with an answer, something concrete or a question. ``FLAT`` lines do nothing at all; ``SHARP`` ones put
the other off without an insult. A test holds each line to its intent. ``{topic}`` is a word of the persona's line.
"""

from storage.catalogue.model import Intent
from tests.missions.listening import listen

PLAIN: dict[Intent, tuple[str, ...]] = {
    "GREETS": ("Hi.", "Hello there.", "Good evening."),
    "INTRODUCES_SELF": ("My name is Tal.", "Call me Tal."),
    "ASKS_QUESTION": ("What is that?", "Is it late?", "Where do people usually go?"),
    "ANSWERS": ("It is a long story.", "It was the rain.", "There is nothing wrong with it."),
    "SHARES_ABOUT_SELF": ("I like soup.", "My bus was late.", "We live near the park."),
    "FOLLOWS_UP": ("The {topic}, then.", "How is the {topic}?", "What would the {topic} look like on a good day?"),
    "COMPLIMENTS": ("Nice jacket.", "You are funny.", "Impressive."),
    "JOKES": ("Allegedly.", "Plot twist.", "Asking for a friend."),
    "APOLOGIZES": ("Sorry.", "Sorry about that.", "My apologies."),
    "OWNS_IT": ("My fault.", "My bad.", "That was on me."),
    "EMPATHIZES": ("That must be hard.", "Sounds tiring.", "You must be tired."),
    "REPAIRS": ("Let me try again.", "Can we start over?", "Let me fix that."),
    "SETS_LIMIT": ("No.", "No thanks.", "That does not work for me."),
    "GIVES_REASON": ("Because it is late.", "The reason is the weather."),
    "OFFERS_ALTERNATIVE": ("Another time.", "Something else instead.", "Rather than that, soup."),
    "HOLDS_FIRM": ("Still no, I won't.", "As I said, I can't do it.", "My answer is still no, and it stays no."),
    "GIVES_EXAMPLE": ("For example soup.", "Once I did.", "There was a time."),
    "STATES_STRENGTH": ("Reliable, I bring that.", "I am reliable.", "I stay calm."),
    "PROPOSES": (
        "Shall we?",
        "Let us go.",
        "How about tomorrow?",
        "How lovely! How about a walk by the river on Friday?",
    ),
    "AGREES": ("Yes.", "Sure, okay.", "Agreed.", "Deal, how lovely: tomorrow at noon."),
    "DECLINES": ("No thank you.", "Not for me.", "Not this time."),
    "THANKS": ("Thanks.", "Thank you.", "Cheers."),
    "CLOSES": ("Bye.", "See you.", "Good night."),
}
STRONG: dict[Intent, tuple[str, ...]] = {
    "GREETS": (
        "Hello, it is so good to meet you: I moved here last week, and I know nobody. What do you like about it?",
        "Good morning! I love a quiet start, because I get up at five on Mondays. How do you like your mornings?",
    ),
    "INTRODUCES_SELF": (
        "I'm Tal, and I am really glad that I asked, because I love a good story. What should I call you?",
        "My name is Tal, I fix bicycles two streets from here, and I enjoyed this. What do you do in the evening?",
    ),
    "ASKS_QUESTION": (
        "What do you like best about it, and how did it begin for you?",
        "How did you come to that? I would love to hear the long version, because I like how you tell it.",
        "That is a great question. What would you want it to look like in three months?",
    ),
    "ANSWERS": (
        "I would say the second one: I tried it last summer, it was wonderful, and I still think about it.",
        "It is the quiet that I love, because I work with noise all week. What is it for you?",
        "Yes, I did it for two years, it was hard at first, and I am proud of how it went.",
        "About three years, and I would do it all again, because it was the best time of my life.",
    ),
    "SHARES_ABOUT_SELF": (
        "I walked along the coast for nine days last summer with my sister, and I loved every hour.",
        "I learned to cook last year, because my flat is above a market, and I make soup for two every Sunday.",
        "I grew up over a bakery, so I wake at five. What did your house smell of?",
    ),
    "FOLLOWS_UP": (
        "The {topic} sounds wonderful. How long did it take you, and what made you stay with it?",
        "I like that you mention the {topic}, because I had one last year. How did you feel about it?",
    ),
    "COMPLIMENTS": (
        "You have a great eye, I love how you see it. Where did you learn that?",
        "Your honesty is wonderful, and I enjoy every minute, because you make it look easy. How do you do it?",
        "I like your taste, I would have picked the same last week. What else do you love?",
    ),
    "JOKES": (
        "In my defence, I am famously bad at this: I once burned a salad, and my sister still tells everyone."
        " What is your worst one?",
        "Plot twist: I love it. I blame my sister, she deserves a medal for that. What would you do?",
        "Between you and me, I tried it last week and looked like a giraffe on ice, and it was the best day of all"
        " time. What makes you laugh?",
    ),
    "APOLOGIZES": (
        "I am so sorry. I hurt you, that was thoughtless of me, and you deserve better. How do you feel now?",
        "I'm truly sorry for how that came out. I was tired, and I should not have said it. What would help?",
        "Sorry, I would love to, and I can't this time, because I have promised my sister a long day.",
    ),
    "OWNS_IT": (
        "That was on me: I said yes to two people last March, I was wrong, and it cost us a week.",
        "I messed up, and I own it. Since then I write every date down on the same day, because people count on me.",
        "I forgot, and that is my fault alone. It must have hurt, and I understand why you were disappointed."
        " What would you like to say to me?",
        "You are right, I let you down, I should have called you on Friday, and I will do better.",
    ),
    "EMPATHIZES": (
        "That must have been so hard for you, and I can imagine how long that evening felt. How are you feeling now?",
        "I hear you, and I understand why you were hurt. I would feel the same. What do you need from me?",
        "It sounds exhausting, you must have felt very alone with it. I am here for you, I mean it.",
    ),
    "REPAIRS": (
        "Let me make it up to you: I will come tomorrow at seven with dinner, because you deserve a good evening.",
        "I will make sure that it does not happen again, I have set two reminders today. What can I do this week?",
        "I want to make it right: on Saturday at ten I will bring the cake, and you choose the music. Shall we?",
    ),
    "SETS_LIMIT": (
        "Thank you for asking me. I can't do it, because I have promised the weekend to my family, and I keep it.",
        "I understand that it is hard, but no, I can't stay tonight. What I can do is come early on Monday.",
        "I hear you, and I won't do it, because I need that time for myself. I hope you find someone good.",
        "I like you, and I am not comfortable with that. I would rather wait, and I am sure about it.",
    ),
    "GIVES_REASON": (
        "I like it here because people look up when you come in, and I have missed that for two years.",
        "Because I care about it: I worked on it every evening last winter, and I am proud of how it turned out.",
        "The reason is simple: I learn most from people who are honest with me, which is why I asked you first.",
    ),
    "OFFERS_ALTERNATIVE": (
        "What I can do is help you for an hour on Thursday, and I could ask two people I know. Would that help you?",
        "How about we take Thursday instead? I will bring soup, and I promise you half an hour of my best stories.",
        "I could call somebody tonight and ask for you, because I want you to get some sleep.",
    ),
    "HOLDS_FIRM": (
        "I hear you, and it is still no: I can't do it, because I have promised that time to my family.",
        "I know how hard this week is for you, and my answer is still no. What I can do is help you on Thursday.",
        "I understand, and I won't change my mind. I respect that you asked me again, and I mean it: I can't.",
        "As I said, I can't do it, and I am keeping to that. I appreciate you asking me first. Who else could help?",
    ),
    "GIVES_EXAMPLE": (
        "For example, last year I led a team of five, two people fell ill, and I made sure each order went out.",
        "When I worked at the shop, I called forty customers in three days, because I wanted to hear it myself.",
        "At my last job I missed a date in March, that was my mistake, and since then I check the list twice a day.",
    ),
    "STATES_STRENGTH": (
        "I am good at staying calm: I ran the front desk alone for two weeks, and I am proud of that.",
        "I learned to ask early, because I once lost three days, and I made sure that it never happened again.",
        "My biggest strength is that I listen first, for example I helped two people talk again last spring.",
    ),
    "PROPOSES": (
        "Shall we meet on Friday at seven in front of the station? I will be there early, and I bring the snacks.",
        "Let us do that on Saturday at six: I would love to, because I had such a good time. What suits you?",
        "Would you like to get a coffee with me on Thursday? I enjoy talking to you, and a no is fine too.",
    ),
    "AGREES": (
        "Yes, I would love to, I am free on Friday and I have wanted to do that for two years.",
        "Deal. I will bring the bread, because I pass a good bakery every morning. What do you like on it?",
        "You are right, and I am glad you said it. I will do it tomorrow at nine.",
    ),
    "DECLINES": (
        "No, I can't on Friday, because my sister comes to visit, and I would rather tell you now. I appreciate it.",
        "I would rather not, I had a long week and I want to keep my Sunday free. How about next Thursday?",
    ),
    "THANKS": (
        "Thank you so much, that means a lot to me, because I was nervous this morning. How did you know?",
        "Thanks for asking me first, I appreciate that, and I am happy that we talked.",
    ),
    "CLOSES": (
        "It was lovely talking to you, I have to run now, and I will think of this tomorrow. Take care!",
        "See you on Friday at seven then, I am really happy about it, and I will bring the bread.",
    ),
}
# All of it at once: it listens, owns, proves, plays, and asks.
FULL = (
    "Thank you, I appreciate how openly you ask. In my defence, I am famously bad at dates: last March I forgot two,"
    " that was on me, and I understand why you were upset. I will make sure it never happens again. What would you"
    " need from me?",
    "I hear you, and that must have been hard. I messed up, I own it, and between you and me, my sister deserves a"
    " medal for her patience. Let me make it right: I will come on Saturday at seven, because I want to. Shall we?",
    "That is a great question, thank you. For example, last year I led a team of five, I burned the first plan, and I"
    " am proud that I asked early, because it saved us three weeks. I understand why you ask. How do you feel?",
    "I understand, I know how hard this is for you, and thank you for asking me first. My answer is still no, because"
    " I have promised that day to my sister, who deserves a medal. What I can do is come early on Monday. Would that"
    " help you?",
)
# Friendly, and to nothing in particular: no statement of one's own, no question, no step.
KIND = (
    "How lovely, good luck with it.",
    "That makes sense, fair enough.",
    "Thank you, that is so kind of you. Good night, and take care!",
    "Hello, good to see you, welcome back.",
    "Last summer, on a Friday, at noon: wonderful.",
    "Haha, well done. Enjoy the rest of the evening!",
    "Sure, you are right, thank you. Tomorrow at noon, how lovely.",
    "Good evening, you are right, how lovely: let us go there tomorrow.",
    "Thank you, you are brilliant, and legend has it you deserve a medal. Sounds like a plan. Take care!",
    "No worries, no rush. Fingers crossed!",
)
# Questions and answers that stumble.
HALTING = (
    "Um, and you?",
    "Hmm, like, what, basically?",
    "Maybe it is, like, um, stuff, kind of?",
    "I guess I kind of like things, or whatever.",
    "Um, I mean, I do not know, maybe yes, maybe not.",
)
FLAT = (
    "Mm.",
    "It is what it is.",
    "If you say so.",
    "Nothing much, the usual.",
    "Maybe, kind of, something like that, or whatever.",
)
SHARP = (
    "Whatever.",
    "Who cares?",
    "So what?",
    "This is boring.",
    "Hurry up and answer me!!",
    "Come on, you owe me, everyone else does it!!",
    "How dare you ask me that, it is your fault!!",
    "You never listen, you always complain.",
    "You must do it now, you have to, end of discussion.",
)


def lines(persona_line: str) -> tuple[str, ...]:
    """All of it, as said to this line: of each shelf the first line, then the second ones, and so on. Where the
    line has no word to take up, those that take one up are not there."""
    topic = listen(persona_line).topic
    if topic is None:
        return tuple(line for line in _IN_TURN if "{topic}" not in line)
    return tuple(line.format(topic=topic) for line in _IN_TURN)


def _in_turn() -> tuple[str, ...]:
    shelves = [FULL, *STRONG.values(), *PLAIN.values(), KIND, HALTING, FLAT, SHARP]
    deepest = max(map(len, shelves))
    return tuple(shelf[depth] for depth in range(deepest) for shelf in shelves if depth < len(shelf))


_IN_TURN = _in_turn()
