"""What the good player has to say for an aim: to open, to be liked, to mend, to hold a limit, to be hired."""

from tests.missions.phrases import NAME

HELLOS = (
    "Hi, I could not help noticing the {topic}.",
    "Hello, I saw the {topic} and had to say something.",
    "Hey, good morning, that is the best {topic} I have seen this week.",
)
PLAIN_HELLOS = (
    "Hi, I hope you don't mind me saying hello.",
    "Hello there, you look as if you know your way around here.",
    "Hey, good to see a friendly face.",
)
GREETINGS = (
    "Hi there, good to see you.",
    "Hello, I am glad I am not the only one here.",
    "Hey, I was hoping somebody would talk to me.",
)
INTRODUCES = (
    f"I'm {NAME}, by the way, and I am glad I said hello.",
    f"My name is {NAME}, I nearly left without telling you.",
)
LIKES = (
    "You have a great eye for small things.",
    "I like your way of seeing it.",
    "You are really funny, and you make it look easy.",
    "I love your honesty.",
    "Your stories are great, I could listen for an hour.",
)
INTERESTED = (
    "I like talking to you more than anything I had planned for tonight.",
    "I really enjoy this, and I would love to see you again.",
    "You are lovely company, and I want to know more about you.",
)
NUMBERS = (
    "Shall we swap numbers? Only if you like, a no is fine too.",
    "Would you like to swap numbers? You can call me on Sunday, or never, and I will have had a lovely evening.",
    "Let us swap numbers, if you want to: I would like to ask you out for a walk on Thursday, no pressure at all.",
    "Shall we write to each other tomorrow? I will give you my number, and a no is fine too.",
)
ONLINE = (
    "Shall we swap our Instagram names? I promise you one photo of bread a week, and no pressure to like it.",
    "Would you like to show me your pictures on Instagram? Only if you feel like it.",
    "Let us find each other on Instagram, only if you like: I would love to see your pictures.",
    "Shall we write to each other on Instagram? You can be as slow as you want, I like slow.",
)
INVITES = (
    "Would you like to get a coffee with me on Thursday at six? No pressure at all, a no is fine too.",
    "Shall we take a walk by the river on Sunday? Only if you feel like it.",
    "I would love to take you to a small place on Friday at eight, and if you would rather not, that is fine.",
)
SUGGESTS = (
    "Shall we meet on Thursday at one and go on with this?",
    "How about lunch on Friday at noon? I know a place around the corner.",
    "Let us do that on Saturday at seven, I will bring something to eat.",
)
OWNS = (
    "I am so sorry: I forgot, and that was on me.",
    "You are right, that was my mistake, and there is no excuse for it.",
    "I let you down, and I own that.",
    "I should have thought of you first, and I did not: my fault, all of it.",
    "I was wrong, and I want to say that without a but.",
    "I got that wrong, and I take responsibility for it.",
    "It was careless of me, and I should have known better.",
    "I did not listen to you last week, and that is on me.",
    "I made a mistake, I have no excuse, and I am sorry.",
    "That was on me, and on nobody else.",
)
OWN_REASONS = (
    "Because I was thinking of my own week and not of you, that is the honest answer, and it was wrong.",
    "Because I put it off, and then I was ashamed: that was my mistake, not yours.",
    "There is no good reason, I forgot, and I should have written it down on the same day.",
)
FEELS_WITH = (
    "That must have hurt, and you had every right to expect more of me.",
    "I can imagine how that felt: you waited, and nobody came.",
    "I understand why you are angry, I would be too.",
    "You deserved better than that from me.",
    "I hear you, and I see that it still hurts.",
    "I know that you were disappointed, and I don't want to talk it away.",
    "You were counting on me, and I can see what that did.",
    "It must have felt as if you did not matter to me, and you do.",
    "I understand that you need some time, and I am here for you.",
    "That must have been a long evening for you.",
)
REPAIRS = (
    "Let me make it up to you: I will come tomorrow at seven, and I bring dinner.",
    "I will make sure that it does not happen again, I have set two reminders today.",
    "I want to make it right: give me Saturday at ten, and I will do the whole work.",
    "What can I do that would help you this week?",
    "Let me put it right on Friday evening, and you choose how.",
    "I will make sure to call you tomorrow at noon and again on Sunday, because you should not have to ask.",
    "It will not happen again: I have written your next date into my calendar, and I will be there with flowers.",
    "I would like to make this week easier for you: I can cook on Monday, and I can listen for as long as you want.",
    "Let me take the whole of Saturday off your hands, from nine in the morning.",
    "From now on I ask you on the Monday before, and not on the day itself.",
    "Let me pay for what it cost you, I have the money here.",
    "I will do better from this week on, and you may hold me to it.",
)
PROMISES = (
    "Yes, I will, you have my word.",
    "Yes, and I will do it tomorrow morning, before anything else.",
    "I do, and I thought about it all night, because you matter to me.",
    "Yes, I promise you that, and I know that a promise is only worth what I do on Friday.",
    "I would like that very much, and I will be there ten minutes early.",
    "Yes, gladly, I want to do it properly this time.",
)
THANKS = (
    "Thank you for telling me so openly, I appreciate that.",
    "Thank you for giving me the chance.",
    "I am glad that you said it, thank you.",
    "It means a lot to me that you still talk to me.",
    "I appreciate how patient you are with me.",
    "Thank you for hearing me out.",
)
ASKS_FEELING = (
    "How did it feel for you when it happened?",
    "How are you feeling about it now?",
    "What would you have needed from me?",
    "What hurt you the most about it?",
    "What would help you to trust me again?",
    "What should I know that I did not ask about?",
    "How can I make it easier for you this week?",
    "What would you like to do first?",
    "Would you tell me when something like that hurts you again?",
)
REFUSES = (
    "I understand, and the answer is no: I can't do it, because I have promised that time to my family.",
    "Thank you for asking me first, but no, I can't do that this time.",
    "No, I won't, because I need that time for myself.",
    "I am not going to do it, and I would rather tell you that now than on the last day.",
)
REFUSAL_REASONS = (
    "Because I have promised that time to my family, and I keep my promises: it is still no.",
    "Because I need the rest, I was ill for two weeks last month, and my answer is still no.",
    "The reason is simple: I said yes three times this year and I was sorry each time, so I can't.",
)
HOLDS = (
    "I hear you, and it is still no.",
    "I know that it is hard for you right now, and my answer is still no.",
    "I understand why you ask again, and my answer stays: I can't do it.",
    "As I said, I won't, and that will not change by tomorrow.",
    "Even so, it is a no from me, and I mean it kindly.",
    "I get that it leaves you with a problem, and I am keeping to my no.",
    "I like you, and I still won't do it.",
    "I understand that you are under pressure, and I can't take it on for you.",
    "I appreciate you asking me openly, and I am staying with my no.",
    "I hear how much it matters to you, and I am not changing my mind.",
    "That is fair to ask, and I mean what I said: I can't.",
    "I have thought about it, and it is a no, also next week.",
)
OFFERS_ELSE = (
    "What I can do is help you for an hour on Thursday.",
    "I could ask two people I know, if that would help you.",
    "What I can do instead is come early on Monday and start at seven.",
    "I can help you plan it another way, today, for half an hour.",
    "I could call somebody this evening and ask for you.",
    "I can bring you a list of names tomorrow at nine.",
    "What I can do is take an hour of something else off you on Wednesday.",
    "I could help you write the message to the others, it takes ten minutes.",
    "I could take the phone off you for two hours instead.",
    "I can lend you my drill and my ladder for it.",
    "I could show somebody else how it is done, on Wednesday at four.",
    "I can send you the two addresses that helped me in March.",
)
KIND_END = (
    "Thank you for taking it so well, I appreciate that.",
    "I like working these things out with you, and I am glad you asked me openly.",
    "No hard feelings, I hope you find someone good for it.",
)
WORK_NAMES = (
    f"I'm {NAME}, I ran the front desk of a repair shop for three years, and I am good at staying calm.",
    f"My name is {NAME}, I come from a small shop, and my biggest strength is that I listen first.",
)
WORK_SHARES = (
    "I ran the front desk of a repair shop for three years, and I kept the calendar for nine people.",
    "Last year I led a team of five, and we finished two weeks early, because I called every supplier myself.",
    "For example, in my last job I answered sixty calls on a bad Monday, and I stayed calm with each of them.",
    "I made sure that nobody left without a date, so our complaints went from twelve a month to two.",
    "At my last job I built a simple list for the keys, and we never lost one again.",
    "I learned to write it down at once: since March I have not missed one delivery.",
    "I am good at explaining hard things in plain words, because I trained four new people last spring.",
    "I asked for help in the first hour, and that saved us three days.",
    "I want to work here because I like small teams where you see in the evening what you have done.",
    "When I worked at the shop, I called a customer back at eight in the evening, because I had promised it.",
    "I would rather say early that something goes wrong: in May I did, and we lost one day and not ten.",
    "I check my work twice a day since then, and I show it to a colleague on Fridays.",
)
STANDS_BY_IT = (
    "I would say 46,000, because I asked four people who do this work, and it is the middle of what they earn.",
    "I understand that there is a limit, and I would rather stay with my number, because I know what I bring.",
    "I can't take less than 45,000, because that is what the work is worth.",
    "What I can do instead is start two weeks early, if you add four days of training a year.",
    "My number is 46,000, I thought about it for a week, and I am sure that I will earn it.",
)
WORK_ASKS = (
    "What would you want me to have done after three months?",
    "What does a good first week look like for you?",
    "What do you like about working here?",
    "How do you work together on a bad day?",
    "What would make you say in a year that you chose well?",
    "What was hard for the person who did this before?",
    "How do you decide things here?",
    "What do you need most from the person you are looking for?",
    "How do you tell someone here that their work is good?",
)
