import { defineConfig, mergeConfig } from "vitest/config";
import usual from "./vitest.config.js";

// Every test again and again in one process, where what one run leaves behind meets the next.
export default mergeConfig(
  usual,
  defineConfig({
    test: {
      runner: "./tools/repeat.ts",
      // Those that generate their cases make fewer. Deadlines are for a machine that does other things meanwhile.
      env: { EZEZ_RUNS: "500", WAIT_DEADLINE_MS: "20000" },
    },
  }),
);
