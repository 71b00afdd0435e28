import { describe, test } from "vitest";
import { obstacle } from "../src/obstacle.js";
import { uws } from "../src/rows/uws.js";
import { describeAdapter } from "../src/suite.js";

const why = await obstacle(uws);
if (why === undefined) describeAdapter(uws);
else describe.skip(`uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
