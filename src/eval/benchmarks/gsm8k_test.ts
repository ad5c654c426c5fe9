import { assertEquals } from "@std/assert";
import { numberIn } from "./gsm8k.ts";

Deno.test("numberIn: the number behind the last ####, or else the last of all", () => {
  const cases: [answer: string, number: number | undefined][] = [
    ["4 + 3 = 7\n#### 7", 7],
    ["12 * 100\n#### 1,200", 1200],
    ["#### 5\n#### 6 pens, not 8", 6],
    ["He pays $1,234.50.", 1234.5],
    ["She loses 3, so it is -3", -3],
    ["It is 18.", 18],
    ["4 and then 5", 5],
    ["#### none\n", undefined],
    ["There is no number here.", undefined],
    ["", undefined],
  ];
  for (const [answer, number] of cases) assertEquals(numberIn(answer), number, answer);
});
