import { describe, test } from "vitest";
import { capabilities, create } from "../src/rows/deno.js";
import { describeTranscripts } from "../src/transcript/describe.js";
import { overTcp } from "../src/transcript/row.js";

if ("Deno" in globalThis) describeTranscripts("deno", overTcp(create), capabilities);
else describe.skip("deno (skipped: Deno is not the runtime)", () => void test("runs under Deno", () => undefined));
