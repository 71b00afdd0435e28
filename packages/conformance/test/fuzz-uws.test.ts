import { describe, test } from "vitest";
import { describeFuzz } from "../src/fuzz/describe.js";
import { obstacle } from "../src/obstacle.js";
import { uws } from "../src/rows/uws.js";

const why = await obstacle(uws);
if (why === undefined) describeFuzz(uws);
else describe.skip(`fuzz: uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
