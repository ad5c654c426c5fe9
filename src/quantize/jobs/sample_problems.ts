/**
 * Calibration text that comes with the program, written for it: word problems with answers.
 *
 * @module
 */

/** Word problems with answers, a text each. */
export const SAMPLE_PROBLEMS: readonly string[] = [
  "Question: Mira bakes 14 trays of buns with 12 buns on each. She keeps 18 buns and sells the rest for $2 each. How much does she earn?\nAnswer: She bakes 14 * 12 = 168 buns. She sells 168 - 18 = 150 buns. She earns 150 * 2 = $300.",
  "Question: A bus leaves the depot with 9 people. At the first stop 7 get on, at the second 4 get off and 11 get on. How many people are on the bus then?\nAnswer: After the first stop there are 9 + 7 = 16 people. After the second there are 16 - 4 + 11 = 23.",
  "Question: Tomas runs 3 laps of 400 meters every morning from Monday to Friday. How many kilometers does he run in two weeks?\nAnswer: In a morning he runs 3 * 400 = 1200 meters. Two weeks have 10 mornings, so he runs 12000 meters, which is 12 kilometers.",
  "Question: A water tank holds 240 liters. A pump fills 8 liters a minute while a leak loses 2 liters a minute. How long until the empty tank is full?\nAnswer: The level rises by 8 - 2 = 6 liters a minute. It takes 240 / 6 = 40 minutes.",
  "Question: Leila has three times as many stamps as her brother. Together they have 96. How many stamps does Leila have?\nAnswer: Together they have four equal parts, each of 96 / 4 = 24 stamps. Leila has 3 * 24 = 72.",
  "Question: A jacket costs $80. It is reduced by 25%, and the buyer has a coupon for another $5. What does the buyer pay?\nAnswer: A quarter of 80 is 20, so the price falls to $60. With the coupon the buyer pays 60 - 5 = $55.",
  "Question: An orchard has 18 rows of 22 trees. Last winter 31 trees died and 12 were planted. How many trees stand now?\nAnswer: At first there were 18 * 22 = 396 trees. Now there are 396 - 31 + 12 = 377.",
  "Question: Noor reads 24 pages an hour. Her book has 312 pages and she has read 72. How many hours does she still need?\nAnswer: 312 - 72 = 240 pages are left. She needs 240 / 24 = 10 hours.",
  "Question: A farmer packs 7 eggs in a small box and 12 in a large one. He fills 15 small and 9 large boxes. How many eggs is that?\nAnswer: Small boxes hold 15 * 7 = 105 eggs, large ones 9 * 12 = 108. Together that is 213 eggs.",
  "Question: Kofi works 6 hours on Saturday for $11 an hour and 4 hours on Sunday for $14 an hour. He spends half of what he earns. How much is left?\nAnswer: On Saturday he earns 6 * 11 = $66, on Sunday 4 * 14 = $56, together $122. Half of that is $61.",
  "Question: A rope of 45 meters is cut into pieces of 3 meters. Each cut takes 2 minutes. How long does the cutting take?\nAnswer: There are 45 / 3 = 15 pieces, which need 14 cuts. That takes 14 * 2 = 28 minutes.",
  "Question: In a class of 32 pupils three eighths play an instrument. Half of those play the piano. How many play the piano?\nAnswer: 32 * 3 / 8 = 12 pupils play an instrument. Half of them, 6, play the piano.",
  "Question: A printer makes 45 pages a minute. How many minutes does it take for 6 copies of a report of 60 pages?\nAnswer: 6 * 60 = 360 pages have to be printed. That takes 360 / 45 = 8 minutes.",
  "Question: Ida buys 4 notebooks for $3 each and 5 pens for $2 each. She pays with a $50 note. How much change does she get?\nAnswer: The notebooks cost $12 and the pens $10, together $22. She gets 50 - 22 = $28.",
  "Question: A train covers 360 kilometers in 4 hours. On the way back it is 10 kilometers an hour faster. How long does the way back take?\nAnswer: It goes 360 / 4 = 90 kilometers an hour, and back 100. The way back takes 3.6 hours.",
  "Question: Sven has 50 marbles. He gives 8 to each of 4 friends and then finds 5. How many has he now?\nAnswer: He gives away 4 * 8 = 32 marbles and keeps 18. With the 5 he found he has 23.",
  "Question: A recipe for 4 people needs 300 grams of rice. How much rice is needed for 10 people?\nAnswer: One person needs 300 / 4 = 75 grams. Ten people need 750 grams.",
  "Question: Two candles are 30 centimeters long. One burns 2 centimeters an hour, the other 3. How much longer is the first after 6 hours?\nAnswer: The first is 30 - 12 = 18 centimeters, the second 30 - 18 = 12. The first is 6 centimeters longer.",
  "Question: A cinema sold 130 tickets, some for $9 and 45 of them for children at $6. How much money came in?\nAnswer: 130 - 45 = 85 tickets cost $9, which makes $765. The others make 45 * 6 = $270. Together it is $1035.",
  "Question: Amal saves $15 in the first week and $5 more in every week after. How much has she saved after 4 weeks?\nAnswer: She saves 15, 20, 25 and 30 dollars. Together that is $90.",
  "Question: A garden is 12 meters long and 7 meters wide. A fence costs $6 a meter. What does it cost to fence the garden?\nAnswer: The way around is 2 * (12 + 7) = 38 meters. The fence costs 38 * 6 = $228.",
  "Question: From 5 kilograms of fruit come 3 jars of jam. How many jars come from 40 kilograms, and how many are left after 10 are given away?\nAnswer: 40 / 5 = 8, so there are 8 * 3 = 24 jars. After giving away 10 there are 14.",
  "Question: Pavel is 9 years older than Dana. In 3 years their ages add up to 45. How old is Dana now?\nAnswer: Now their ages add up to 45 - 6 = 39. Without the 9 years two equal ages make 30, so Dana is 15.",
  "Question: A shelf holds 28 books. A library has 13 full shelves and one with 9 books. 40 books are lent. How many books are in the room?\nAnswer: There are 13 * 28 + 9 = 373 books. With 40 lent, 333 are in the room.",
  "Question: A phone battery loses 6% an hour in use and 1% an hour when idle. It is full. What is left after 8 hours in use and 12 idle hours?\nAnswer: It loses 8 * 6 = 48% and 12 * 1 = 12%. What is left is 100 - 60 = 40%.",
  "Question: A team won 3 points for each of 11 wins and 1 point for each of 6 draws, but lost 4 points as a penalty. How many points has it?\nAnswer: Wins give 33 points, draws 6. After the penalty there are 33 + 6 - 4 = 35.",
  "Question: A baker uses 3 cups of flour for 2 loaves. She has 21 cups. If each loaf sells for $4, how much can she take?\nAnswer: 21 / 3 = 7, so she can bake 14 loaves. She takes 14 * 4 = $56.",
  "Question: Hana walks 1.5 kilometers to school and back on 5 days, and 4 kilometers on Saturday. How far is that?\nAnswer: To school and back is 3 kilometers, on 5 days 15. With Saturday it is 19 kilometers.",
  "Question: A box of 60 screws weighs 900 grams with the box, which weighs 60 grams. What does one screw weigh?\nAnswer: The screws weigh 900 - 60 = 840 grams. One weighs 840 / 60 = 14 grams.",
  "Question: Of 200 seeds 85% sprout, and a tenth of the sprouts are eaten by snails. How many plants remain?\nAnswer: 200 * 0.85 = 170 seeds sprout. Snails eat 17, so 153 remain.",
  "Question: Rosa pays $36 a month for a gym and goes 9 times a month. In a year she also buys shoes for $84. What does one visit cost on average?\nAnswer: A year costs 12 * 36 + 84 = $516. She goes 108 times, so a visit costs about $4.78.",
  "Question: A parking garage charges $3 for the first hour and $2 for each further hour. What do 7 hours cost?\nAnswer: The first hour costs $3 and the other six cost $12. Together they cost $15.",
  "Question: In a bag there are 8 red, 5 blue and 7 green beads. How many bags are needed for 100 green beads, and how many red beads come with them?\nAnswer: 100 / 7 is a little over 14, so 15 bags are needed. They hold 15 * 8 = 120 red beads.",
  "Question: Jorge drives 45 minutes to work and 55 minutes home. How many hours does he drive in 12 working days?\nAnswer: In a day he drives 100 minutes, in 12 days 1200 minutes. That is 20 hours.",
  "Question: A cup of tea cools from 90 degrees by 4 degrees a minute for 5 minutes and then by 2 degrees a minute. When is it at 60 degrees?\nAnswer: After 5 minutes it has 70 degrees. The other 10 degrees take 5 minutes, so after 10 minutes.",
];
