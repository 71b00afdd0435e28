import { describe, test } from "vitest";
import { deno } from "../src/rows/deno.js";
import { describeTranscripts } from "../src/transcript/describe.js";

if ("Deno" in globalThis) describeTranscripts(deno);
else describe.skip("deno (skipped: Deno is not the runtime)", () => void test("runs under Deno", () => undefined));
