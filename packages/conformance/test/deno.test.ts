import { describe, test } from "vitest";
import { capabilities, create } from "../src/rows/deno.js";
import { describeAdapter } from "../src/suite.js";

if ("Deno" in globalThis) describeAdapter("deno", create, capabilities);
else describe.skip("deno (skipped: Deno is not the runtime)", () => void test("runs under Deno", () => undefined));
