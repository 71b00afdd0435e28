import { describe, test } from "vitest";
import { bun } from "../src/rows/bun.js";
import { describeTranscripts } from "../src/transcript/describe.js";

if ("Bun" in globalThis) describeTranscripts(bun);
else describe.skip("bun (skipped: Bun is not the runtime)", () => void test("runs under Bun", () => undefined));
