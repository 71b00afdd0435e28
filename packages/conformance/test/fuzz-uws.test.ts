import { describe, test } from "vitest";
import { describeFuzz } from "../src/fuzz/describe.js";
import { obstacle } from "../src/obstacle.js";
import { capabilities, create } from "../src/rows/uws.js";

const why = await obstacle(create);
if (why === undefined) describeFuzz("uws", create, capabilities);
else describe.skip(`fuzz: uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
