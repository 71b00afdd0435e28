import { describe, test } from "vitest";
import { describeFuzz } from "../src/fuzz/describe.js";
import { capabilities, create } from "../src/rows/bun.js";

if ("Bun" in globalThis) describeFuzz("bun", create, capabilities);
else describe.skip("fuzz: bun (skipped: Bun is not the runtime)", () => void test("runs under Bun", () => undefined));
