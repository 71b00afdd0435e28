import { describe, test } from "vitest";
import { bun } from "../src/rows/bun.js";
import { describeAdapter } from "../src/suite.js";

if ("Bun" in globalThis) describeAdapter(bun);
else describe.skip("bun (skipped: Bun is not the runtime)", () => void test("runs under Bun", () => undefined));
