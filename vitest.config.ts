import { defineConfig } from "vitest/config";

const source = (folder: string): string => new URL(`packages/${folder}/src/index.ts`, import.meta.url).pathname;

export default defineConfig({
  // The packages' sources, so that no test waits for a build or runs against an old one.
  resolve: {
    alias: Object.fromEntries(
      ["core", "adapter-ws", "adapter-bun", "adapter-uws", "adapter-deno", "client", "conformance"].map((folder) => [
        `@ezez-ws/${folder}`,
        source(folder),
      ]),
    ),
  },
  test: {
    // Most of the time goes to waiting for sockets; the default on two cores is one worker.
    maxWorkers: 3,
    // For what computes, or starts browsers and other runtimes: what waits for an event has a deadline of its own, of 5 s.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    include: ["packages/*/test/**/*.test.ts", "examples/**/*.test.ts", "bench/test/**/*.test.ts", "test/**/*.test.ts"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: {
        "packages/core/src/**": { lines: 95, branches: 95 },
        "packages/core/src/codec/**": { lines: 100, branches: 100 },
      },
    },
  },
});
