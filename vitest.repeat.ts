import { defineConfig, mergeConfig } from "vitest/config";
import usual from "./vitest.config.js";

// Every test again and again in one process, where what one run leaves behind meets the next.
export default mergeConfig(
  usual,
  defineConfig({
    test: {
      runner: "./tools/repeat.ts",
      // Those that generate their cases make fewer.
      env: { EZEZ_RUNS: "500" },
    },
  }),
);
