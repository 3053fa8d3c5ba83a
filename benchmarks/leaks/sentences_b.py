"""Sentences written for this benchmark, each with two rewordings: the set that was looked at once, at the end.

The first rewording keeps names, numbers and dates, as people do who reword; the second, freer one, keeps next to no
word. Each changes two thirds of the words that carry meaning, or the order of what is said.
"""

from __future__ import annotations

REWORDED = (
    (
        "The lamp that I ordered on 3 June arrived with a broken glass shade.",
        "The glass cover was shattered when I unpacked the light that I bought on 3 June.",
        "When I unpacked the light fixture, its cover was shattered.",
    ),
    (
        "How do I delete all the data that you hold about me?",
        "I want every bit of my personal information erased from your systems; what do I have to do?",
        "I want every piece of personal information in your systems erased; what's the procedure?",
    ),
    (
        "I have not received my salary for September yet.",
        "My September pay still hasn't arrived.",
        "My pay for last month still hasn't landed in my account.",
    ),
    (
        "The door of the fridge does not close properly any more.",
        "My refrigerator won't shut the way it used to.",
        "My refrigerator won't shut tight these days.",
    ),
    (
        "Can you recommend a good book about the history of the Roman Empire?",
        "What should I read to get to know the past of the Roman Empire?",
        "Which title should I read to learn about ancient Rome?",
    ),
    (
        "Please move my dentist appointment from Tuesday to any day next week.",
        "On Tuesday I can't make it to the dentist; could I come on some other date in the coming week?",
        "Reschedule the tooth check-up; something in the following seven days suits me better.",
    ),
    (
        "My train ticket to Hull was not scanned, so can I still use it for another journey?",
        "Nobody checked my rail ticket on the way to Hull. Is it valid for a second trip?",
        "Nobody checked the rail pass I bought; is it valid for a different trip?",
    ),
    (
        "What is the fastest way to the city hospital at this hour?",
        "Which route gets me to the hospital in town most quickly right now?",
        "Which route gets me to the clinic downtown quickest right now?",
    ),
    (
        "The keyboard of my laptop types the wrong letters since I spilled tea on it.",
        "After I had poured tea over my notebook, pressing its keys gives me incorrect characters.",
        "After an accident with a hot drink, my notebook produces incorrect characters when I press the keys.",
    ),
    (
        "I would like to complain about the rude behaviour of one of your drivers.",
        "One of your drivers was very impolite to me, and I want to report that.",
        "A man steering your vehicle was extremely impolite, and I want to report him.",
    ),
    (
        "How many employees may take part in the training on fire safety?",
        "What is the largest number of staff allowed to join the fire safety course?",
        "What's the maximum number of staff allowed in the course about preventing blazes?",
    ),
    (
        "Wake me up at half past five tomorrow morning.",
        "Set my alarm to 5:30 am for tomorrow.",
        "Set an alarm for 5:30 am on the next day.",
    ),
    (
        "The website says that article 5519 is in stock, but your shop assistant told me it was sold out.",
        (
            "According to a member of staff in your store there are no more of 5519, although online it is "
            "shown as available."
        ),
        "According to the staff in your store there are none left, yet online it is listed as available.",
    ),
    (
        "Is it possible to pay for the sofa in instalments?",
        "Can I split the price of the sofa over several months?",
        "Can I split the price of the couch over several months?",
    ),
    (
        "My password reset mail never arrives, not even in the spam folder.",
        "I keep waiting for the email to reset my password and have looked through spam as well.",
        "I keep waiting for the message with the link to choose a new login secret; the junk box is empty too.",
    ),
    (
        "Please raise the limit on my credit card to 5000 dollars.",
        "I would like to be able to spend up to 5000 dollars with my credit card.",
        "I want to be able to spend up to 5k on my Visa.",
    ),
    (
        "The flat above us has a water leak and it is dripping through our ceiling.",
        "Water is coming down from the ceiling because there is a burst pipe at our upstairs neighbours.",
        "There is a pipe burst in the apartment upstairs, and our living room is getting wet from overhead.",
    ),
    (
        "How much sugar may a person with diabetes eat in one day?",
        "What is the daily amount of sugar that is okay for diabetics?",
        "What daily amount of sweet stuff is okay for someone with high blood glucose?",
    ),
    (
        "The meeting on Thursday has to be cancelled because half of the team is ill.",
        "So many of my colleagues are sick that we have to call off Thursday's meeting.",
        "As so many colleagues are sick, let's call off our get-together in two days.",
    ),
    (
        "I want to swap my seat 14C, since I booked a window and got the aisle.",
        "You gave me 14C on the aisle though I paid for a place at the window; please change that.",
        "You placed me by the gangway though I paid for a view outside; change it please.",
    ),
    (
        "Where can I find the warranty terms for my vacuum cleaner?",
        "Show me the guarantee conditions of the vacuum I bought from you.",
        "Show me the guarantee conditions of the hoover I purchased.",
    ),
    (
        "Does my insurance cover a stolen bicycle that was locked in the yard?",
        "If somebody takes my bike from the courtyard in spite of its lock, will the insurer pay?",
        "If somebody takes my bike from behind the house despite its chain, will you reimburse me?",
    ),
    (
        "The video stops every few seconds and then loads for a long time.",
        "Playback of the video freezes again and again while it buffers.",
        "Playback of the film keeps freezing while it buffers.",
    ),
    (
        "Tell my brother that I will be twenty minutes late.",
        "Let my brother know by message that I am delayed by a third of an hour.",
        "Send a text to my sibling saying I'm delayed by a third of an hour.",
    ),
    (
        "We need an interpreter for sign language at the conference in June.",
        "For our June conference we are looking for someone who can translate into sign language.",
        "Our summer event requires a person who can translate for deaf guests.",
    ),
    (
        "What happens to my bonus points if I close my customer account?",
        "Will I lose the bonus points I collected when I end my membership with you?",
        "Will I lose the loyalty rewards after ending my membership?",
    ),
    (
        "The battery of the scooter lasts for only ten kilometres, although you advertise forty.",
        "Your ad promises a range of forty kilometres, yet my scooter needs charging again after ten.",
        "Your ad promises a range of 40 km, yet a full charge of my e-scooter takes me merely a quarter of that.",
    ),
    (
        "I cannot log in because the code that you text me is always rejected.",
        "Signing in fails: whichever SMS code I enter, it is said to be invalid.",
        "Signing in fails: each SMS number I enter counts as invalid.",
    ),
    (
        "Could somebody from the technical department look at the projector in room twelve?",
        "Room twelve needs a technician, as its projector is not working.",
        "Please have an engineer examine the beamer in no. 12.",
    ),
    (
        "How do you say good morning and thank you in Turkish?",
        "What are the Turkish words for thanks and for greeting people in the morning?",
        "What are the phrases for greeting people at breakfast and showing gratitude in Istanbul?",
    ),
    (
        "The cleaning staff did not empty the bins in our office again.",
        "Once more, the cleaners forgot the rubbish in the room where we work.",
        "Once more, nobody took out the trash where we work.",
    ),
    (
        "Buy the cheapest flight to Athens for two adults and one child on 10 July.",
        "On 10 July two grown-ups and a kid want to fly to Athens; book whatever costs the least.",
        "Get three seats, one of them for a kid, on the lowest-priced plane heading to Greece on July 10.",
    ),
    (
        "My tax certificate for 2025 has not been sent to me, and I have to file my return this week.",
        "I must hand in my declaration within days but still lack the 2025 certificate from you.",
        (
            "I must hand in my declaration to the revenue office within days, but the annual statement from you "
            "is missing."
        ),
    ),
    (
        "The soup was cold and we waited for more than an hour for the main course.",
        "Not only was our soup served lukewarm, it also took over sixty minutes until the mains came.",
        "Our starter arrived lukewarm and it took over sixty minutes until the entrée was served.",
    ),
    (
        "Which of the two plans is better for a family that watches films every evening?",
        "Of your two plans, what would you advise to parents and kids who stream movies each night?",
        "For parents and kids streaming movies nightly, what subscription do you advise?",
    ),
    (
        "I accidentally sent the payment of 80 pounds to the wrong person and want it back.",
        "By mistake I transferred 80 pounds to a stranger; please reverse that.",
        "By mistake the money went to a stranger; please reverse it.",
    ),
    (
        "Please make sure that nobody can see my phone number on my profile.",
        "Other users should not find my phone number when they look me up.",
        "Hide my contact digits from other users.",
    ),
    (
        "The paint on my car came off after I used your washing line.",
        "Your automatic car wash has damaged the finish of my vehicle.",
        "Your automatic cleaning tunnel damaged the finish of my vehicle.",
    ),
    (
        "How old does a child have to be to travel alone by plane?",
        "From what age may children fly without an adult?",
        "From what age may minors fly unaccompanied?",
    ),
    (
        "There is a spelling mistake in my name on the boarding pass; will they let me on board?",
        "My surname is written incorrectly on the boarding card. Could that keep me off the aircraft?",
        "My surname was written incorrectly on the flight document. Could that keep me from getting on the aircraft?",
    ),
)
