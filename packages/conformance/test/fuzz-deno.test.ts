import { describe, test } from "vitest";
import { describeFuzz } from "../src/fuzz/describe.js";
import { deno } from "../src/rows/deno.js";

if ("Deno" in globalThis) describeFuzz(deno);
else
  describe.skip("fuzz: deno (skipped: Deno is not the runtime)", () => void test("runs under Deno", () => undefined));
