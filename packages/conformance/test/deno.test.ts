import { describe, test } from "vitest";
import { deno } from "../src/rows/deno.js";
import { describeAdapter } from "../src/suite.js";

if ("Deno" in globalThis) describeAdapter(deno);
else describe.skip("deno (skipped: Deno is not the runtime)", () => void test("runs under Deno", () => undefined));
