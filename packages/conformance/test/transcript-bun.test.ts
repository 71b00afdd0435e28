import { describe, test } from "vitest";
import { capabilities, create } from "../src/rows/bun.js";
import { describeTranscripts } from "../src/transcript/describe.js";
import { overTcp } from "../src/transcript/row.js";

if ("Bun" in globalThis) describeTranscripts("bun", overTcp(create), capabilities);
else describe.skip("bun (skipped: Bun is not the runtime)", () => void test("runs under Bun", () => undefined));
