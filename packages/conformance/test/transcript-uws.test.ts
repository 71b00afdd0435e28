import { describe, test } from "vitest";
import { obstacle } from "../src/obstacle.js";
import { capabilities, create } from "../src/rows/uws.js";
import { describeTranscripts } from "../src/transcript/describe.js";
import { overTcp } from "../src/transcript/row.js";

const why = await obstacle(create);
if (why === undefined) describeTranscripts("uws", overTcp(create), capabilities);
else describe.skip(`uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
