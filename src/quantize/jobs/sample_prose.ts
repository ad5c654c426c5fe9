/**
 * Calibration text that comes with the program, written for it: everything but word problems.
 *
 * @module
 */

/** Prose, letters, instructions, dialogues, a little code, a text each. */
export const SAMPLE_PROSE: readonly string[] = [
  "The old harbor town wakes before the sun does. Carts rattle over the stones, gulls argue on the roofs, and the first boats come back with nets that smell of salt and cold. By eight the market is full.",
  "A thermostat compares the temperature of a room with the one that was asked for. If the room is colder, it turns the heater on; if it is warmer by more than a degree, it turns it off again. The gap keeps it from switching all the time.",
  "To repot a plant, water it the day before. Loosen the soil at the edge with a knife, tip the pot, and hold the stem between two fingers. Set it into fresh soil no deeper than before, press lightly, and keep it out of the sun for a week.",
  '"Are you sure this is the right road?" asked Lin. The map said yes, the mountains said nothing, and the mule had stopped listening an hour ago. They went on until the path ended at a wall of ferns.',
  "Rivers carry sand from mountains to the sea. Where the water slows, the heaviest grains fall first and the finest last. After thousands of years the layers tell a patient reader how strong the floods of each age were.",
  "Dear Mr. Okafor, thank you for your letter of the 4th. We have looked at the bill again and found that the delivery was charged twice. The difference will be paid back within ten days. We are sorry for the trouble.",
  "function average(values) {\n  let sum = 0;\n  for (const value of values) sum += value;\n  return values.length === 0 ? 0 : sum / values.length;\n}",
  "A chess clock is really two clocks that never run at once. When a player presses the button, their own time stops and the other's begins. Some clocks add a few seconds a move, so that nobody loses a won game for lack of time.",
  "Bees tell each other where flowers are by dancing. The angle of the dance against the vertical is the angle of the flight against the sun, and its length stands for the distance. In the dark of the hive the others follow with their feelers.",
  "Minutes of the meeting: Six members were present. The treasurer reported a balance of 1,240 dollars. It was agreed to repair the roof before autumn and to ask three firms for an offer. The next meeting is on the second Tuesday of May.",
  "My grandmother kept buttons in a tin that had once held tea. When it rained we were allowed to pour them out on the carpet and sort them: by color, by holes, by the coats they might have come from.",
  "An algorithm that halves its search space with every question needs only twenty questions for a million items. That is why a guessing game with numbers is won so fast by those who always ask for the middle.",
  "The museum is open from Tuesday to Sunday, ten to six. Children under twelve enter free of charge. Large bags must be left at the entrance. Photographs are allowed without flash, except in the room of old drawings.",
  "Glass is made of sand, soda and lime. Heated to about fifteen hundred degrees, they melt into a thick liquid that can be blown, pressed or poured onto a bath of tin, where it spreads into a sheet as flat as water.",
  "SELECT city, COUNT(*) AS shops, AVG(rent) AS mean_rent\nFROM premises\nWHERE closed_on IS NULL\nGROUP BY city\nHAVING COUNT(*) > 5\nORDER BY mean_rent DESC;",
  "The judge asked whether the witness had seen the car or only heard it. He had heard brakes, he said, then nothing, then a door. It was the nothing that had made him go to the window.",
  "When two notes are an octave apart, one string swings twice as fast as the other. A fifth has the ratio three to two. Twelve fifths almost make seven octaves, but not quite, and all of tuning is about where to hide the rest.",
  "Weather report: In the north clouds and some rain until noon, then brighter. In the south sunny with a light wind from the west. Highest temperatures between 14 and 19 degrees. At night clear and cold in the valleys.",
  "A good knot is easy to tie, holds under load, and can be opened afterwards. The bowline does all three. Make a small loop, bring the end up through it, around the standing part, and back down through the loop.",
  "The first trains frightened cows and doctors alike. It was said that nobody could breathe at thirty miles an hour. Ten years later the same people complained when the express was four minutes late.",
  "Steps to reset the device:\n1. Unplug it and wait ten seconds.\n2. Hold the small button on the back.\n3. Plug it in while holding the button.\n4. Let go when the green light blinks twice.",
  "Vaccines show the body a harmless part of a germ. Cells that can recognize it multiply, and some of them stay for years. If the real germ comes, the answer is ready within hours where it would have taken a week.",
  "He was not a bad carpenter, only a slow one. He looked at a board for so long that people thought he had fallen asleep on his feet. But his drawers never stuck, not in the wettest of summers.",
  "Rent is usually paid at the beginning of the month. If something in the flat breaks, the owner has to be told at once, best in writing. Small repairs up to an agreed sum are often paid by the tenant.",
  "Light from the sun needs a little over eight minutes to reach us. Light from the nearest other star needs more than four years. When we look up we see each star as it was at another time, all of them at once.",
  "The desert is not empty. Under the sand wait seeds that need one good rain in ten years. When it comes, the ground turns yellow and violet within days, and within weeks everything has bloomed, set seed, and gone.",
  "Q: What is the difference between weather and climate?\nA: Weather is what happens today; climate is what can be expected over many years. One cold winter says little about the climate, thirty of them say a lot.",
  "In double-entry bookkeeping every amount is written down twice, once where it comes from and once where it goes. At the end both sides must be equal. If they are not, somebody has made an error, and it can be found.",
  "She tuned the radio slowly, past the shipping news, past a sermon, past a waltz, until a voice came through that spoke her mother's dialect. It was reading the prices of vegetables. She listened to the end.",
  'for i in range(1, 16):\n    if i % 15 == 0:\n        print("both")\n    elif i % 3 == 0 or i % 5 == 0:\n        print("one")\n    else:\n        print(i)',
  "Ice floats because water grows when it freezes. If it sank, lakes would fill with ice from the bottom, and no fish would live through the winter. So a small oddity of one liquid keeps whole landscapes alive.",
  "The committee could not agree on a color. Blue was too cold, red too loud, and green had been used by the club across the street. In the end the door was left as it was, and everybody said it looked better.",
  "Soup for four: fry two onions in butter until soft, add half a kilogram of carrots in slices and a liter of broth, and cook for twenty minutes. Blend it, add salt, pepper and the juice of an orange, and serve with bread.",
  "A contract needs an offer and an acceptance. If the answer changes the conditions, it is no acceptance but a new offer, and the first side is free again. Many quarrels begin with a yes that was really a but.",
  "The mountain hut has twenty beds and one stove. Whoever comes first lights it, whoever leaves last sweeps. There is a book for names, and a tin for money that nobody has ever seen locked.",
  "Errors in measurements are of two kinds. Some change from one reading to the next, and shrink when many readings are averaged. Others are the same every time, and no number of readings will make them smaller.",
  '"I never said he took the money," the clerk explained. "I said that he was the last to see it." The detective wrote down both sentences and drew a line between them.',
  "Moths do not love lamps. They steer by keeping the moon at a fixed angle, which works because the moon is far away. Around a near light the same rule leads them into a spiral.",
  "The project uses three branches. New work starts from main and comes back by a request that another person reads. A release is a tag. Whatever is urgent starts from the tag and goes into main as well.",
  "Bread rises because yeast eats sugar and gives off gas, which the dough holds like a thousand small balloons. Salt slows the yeast down, warmth hurries it, and patience does more for the taste than either.",
];
