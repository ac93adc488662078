"""What the good player has to say, by what the line is for. Human lines for any talk: no template's words.

``{topic}`` is a word of the persona's line. A part is taken once in a session.
"""

from tests.missions.listening import Kind

NAME = "Tal"

# A short first part: it takes in what was said.
TAKES_IN = (
    "I like that.",
    "That makes sense.",
    "Fair enough.",
    "Good question.",
    "That is a lovely way to put it.",
    "I get that.",
    "Thank you for saying it like that.",
    "That sounds good.",
    "I love how you say that.",
    "Fair point.",
    "That is so nice to hear.",
    "I enjoyed that.",
    "Glad you said it.",
)
TOPIC_IN = (
    "I like that you mention the {topic}.",
    "The {topic}, I love that.",
    "You had me at the {topic}.",
    "I can picture the {topic} already, and I like it.",
    "The {topic} made me smile.",
    "I enjoyed the bit about the {topic}.",
    "I want to hear all about the {topic}.",
    "I did not expect the {topic}, and I love it.",
)

# Something concrete of one's own.
SHARES = (
    "I moved here two years ago, because I wanted to live near the water.",
    "I fix bicycles in a small shop, and last week I found a whole sandwich inside a frame.",
    "I swim every morning at seven, because the cold wakes me better than coffee does.",
    "Last summer I walked along the coast for nine days with my sister.",
    "I play the accordion, and my neighbours deserve a medal for it.",
    "I grew up over a bakery, so I still wake up at five and look for bread.",
    "Yesterday I got lost in my own street, because I was reading while I walked.",
    "I keep three tomato plants on the balcony, and I talk to my plants every evening.",
    "I learned to cook last year, and the first soup was a complete disaster.",
    "I collect old train tickets; the best one is from a night trip in 1974.",
    "I had a long week at work, so an easy talk is just what I wanted.",
    "I love small places more than big ones, because you can hear people there.",
    "I go to the market on Saturdays, mostly for the woman who sells the cheese.",
    "I am reading a thick novel about a lighthouse keeper, ten pages every night.",
)

# Asks the other something real.
ASKS = (
    "What do you like best about it?",
    "How did that begin for you?",
    "What would you do with a free afternoon?",
    "What made you smile this week?",
    "How do you spend a slow Sunday?",
    "What should I know about you that I would never guess?",
    "What is the best part of your day?",
    "Who taught you that?",
    "What would you pick in my place?",
    "How long have you felt like that?",
    "What are you looking forward to this month?",
    "Which place in this town do you like most?",
    "What would you tell someone who is new to it?",
    "What do you do when nobody is watching?",
)
TOPIC_ASKS = (
    "What is the story behind the {topic}?",
    "How did you come by the {topic}?",
    "What do you like about the {topic}?",
    "What would you do about the {topic}?",
    "How do you feel about the {topic} now?",
    "What should I know about the {topic}?",
    "When did the {topic} first matter to you?",
)

# Answers by the kind of the question.
ANSWERS: dict[Kind, tuple[str, ...]] = {
    "NAME": (
        f"My name is {NAME}, and I live two streets from here.",
        f"I'm {NAME}, I fix bicycles for a living, so my hands are never quite clean.",
        f"Call me {NAME}, everyone does since I was five.",
    ),
    "NAMES_SELF": (
        f"It is lovely to meet you, my name is {NAME}.",
        f"I'm {NAME}, and I am really happy that I spoke to you today.",
        f"Good to meet you, I'm {NAME}.",
    ),
    "WHERE": (
        "It is about ten minutes from here, down by the old bridge.",
        "I would say by the river: I go there every evening after work.",
        "Mostly at home in my kitchen, because I think best next to a kettle.",
    ),
    "WHEN": (
        "It was last year in June, I remember it very well.",
        "I would say on Saturday at ten, because my mornings are free.",
        "I do it every evening at eight, it is the quiet hour for me.",
    ),
    "AMOUNT": (
        "I would say three years, and it went by very fast.",
        "About twice a week, and I always wish it were three times.",
        "Five, I counted them last night.",
    ),
    "WHY": (
        "Because I care about it, and I did not want to find out later that I never tried.",
        "Because it matters to me: I thought about it for a week, and I am sure.",
        "Because I want to do it well, and I learn most from people who are honest with me.",
    ),
    "HOW": (
        "Step by step: I start small, and I do it every morning, because that is how it stays with me.",
        "I will find a way, because I wanted this for two weeks.",
        "I would do it slowly and by hand, because I trust my hands more than my head.",
    ),
    "HOW_ARE": (
        "I am doing well, I slept eight hours, and I had soup for breakfast.",
        "It is good, thank you, I like it more every week.",
        "Good, and a little tired, because I danced in my kitchen until midnight.",
    ),
    "WHO": (
        "It was my sister, she is the brave one of us two.",
        "I would say me: I bring the snacks and the moral support.",
        "My friend Nadia, she has known me for ten years and still picks up the phone.",
    ),
    "WHAT": (
        "I would say the small things: I like good bread, long walks and a friend on the phone.",
        "I love a good story, because last winter one book got me through a whole week of rain.",
        "I fix bicycles, and I spend my evenings with a novel or at the stove.",
        "I want something simple: an hour of music and somebody good to talk to.",
        "I would start with the easy part, and do the rest tomorrow at nine.",
        "I like it when it is quiet, because then I notice more.",
        "I think it is the people: I stayed for two years because of them.",
    ),
    "CHOICE": (
        "I would take the second one, because I tried the other last year and it was a disaster.",
        "The first one for me, I know what I like.",
        "I would say both, in that order, and I blame my mother for it.",
        "I prefer the quiet one, because I hear better there.",
    ),
    "YES_NO": (
        "Yes, I do, and I am glad you ask, because nobody else did this week.",
        "I think so: it happened to me last month, and I still smile about it.",
        "Yes, and I mean it, I thought about it this morning.",
        "Not always, but I do try every day.",
        "Yes, I did, and I would do it again tomorrow.",
        "I am, and I like it more every week.",
    ),
    "OFFER": (
        "Yes, I would love to, I have wanted to do that for two years.",
        "Yes, count me in, I will bring something good to eat.",
        "Yes, gladly, I am free tomorrow and on Friday.",
        "I would like that very much, so yes.",
    ),
    "PLAN": (
        "Let us meet on Friday at seven in front of the station, I will be there ten minutes early.",
        "How about Saturday at six? I will book the table today.",
        "I suggest half past six by the big clock, and I will bring the snacks.",
    ),
    "FEELING": (
        "I feel calm, and a bit proud too, because this was not easy for me last year.",
        "I am a little nervous, and I am happy to be here all the same.",
    ),
    "ASKS_BACK": (
        "I do have one, I wrote it down last night.",
        "I would love to ask you one thing, because I want to understand the work.",
    ),
    "WEAKNESS": (
        "I say yes too fast: last year I promised two people the same Saturday, and that was on me.",
        "I was bad at asking for help, and I lost a whole week in March because of it, that was my mistake.",
        "I forget the clock when I like the work, so since May I set an alarm for every meeting.",
    ),
    "MONEY": (
        "I would say 46,000, because I asked four people who do this work, and it is the middle of what they earn.",
        "I am looking for 46,000, and I can show you what I saved my last shop in a year: about nine thousand.",
        "My number is 46,000, I thought about it for a week, and I am sure that I will earn it.",
    ),
    "STRENGTH": (
        "I am good at staying calm: last year I ran the front desk alone for two weeks, and nobody waited long.",
        "I am good at finding the simple way, for example I cut our order list from nine pages to two.",
        "People come to me when two others don't talk any more, because I listen to both first.",
    ),
    "EXAMPLE": (
        "Last year I led a team of five: two people fell ill in one week, and I made sure that each order went out.",
        "For example, in my last job I called forty customers in three days, because I wanted to hear it myself.",
        "When I worked at the shop, I built a new calendar in one weekend, and we never missed a date again.",
    ),
    "AND_YOU": (
        "For me it is the same, I love it more than I can say.",
        "I am good, thank you: I had two coffees and a very honest talk with my cat.",
        "I came for the quiet, and I stay because of the company.",
    ),
    "TELL": (
        "Gladly: I am the one who fixes things, first bicycles, and since last year the whole shop's calendar.",
        "I can do that: two years ago I left a big office, because I wanted to see in the evening what I had done.",
        "Of course, I will tell you: last month I got on the wrong train, and it was the best day of the year.",
    ),
}

# Playful, now and then.
PLAYS = (
    "I blame my sister, allegedly she is the funny one.",
    "I plead guilty.",
    "My therapist would have a field day with this.",
    "Between you and me, I practised this sentence in the lift.",
    "In my defence, I had only one coffee.",
    "I am famously bad at keeping a straight face.",
    "It is a very serious business, as you can see.",
)
