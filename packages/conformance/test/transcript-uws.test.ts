import { describe, test } from "vitest";
import { obstacle } from "../src/obstacle.js";
import { uws } from "../src/rows/uws.js";
import { describeTranscripts } from "../src/transcript/describe.js";

const why = await obstacle(uws);
if (why === undefined) describeTranscripts(uws);
else describe.skip(`uws (skipped: ${why})`, () => void test("runs where uWS does", () => undefined));
