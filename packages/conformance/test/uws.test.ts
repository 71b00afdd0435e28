import { describe, test } from "vitest";
import { obstacle } from "../src/obstacle.js";
import { capabilities, create } from "../src/rows/uws.js";
import { describeAdapter } from "../src/suite.js";

const why = await obstacle(create);
if (why === undefined) describeAdapter("uws", create, capabilities);
else describe.skip(`uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
