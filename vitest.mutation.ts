import { defineConfig } from "vitest/config";
import usual from "./vitest.config.js";

// Every mutant runs them, so they are the tests of these files alone, and those that generate their cases make fewer.
const tests = ["auth", "replies", "frame", "options", "vectors", "faults-*", "differential-*", "round-trip", "hostile"];

export default defineConfig({
  ...usual,
  test: {
    include: tests.map((name) => `packages/core/test/${name}.test.ts`),
    testNamePattern: /^(?!every change of one byte)/,
    env: { EZEZ_RUNS: "500" },
  },
});
