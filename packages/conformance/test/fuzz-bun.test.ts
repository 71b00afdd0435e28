import { describe, test } from "vitest";
import { describeFuzz } from "../src/fuzz/describe.js";
import { bun } from "../src/rows/bun.js";

if ("Bun" in globalThis) describeFuzz(bun);
else describe.skip("fuzz: bun (skipped: Bun is not the runtime)", () => void test("runs under Bun", () => undefined));
