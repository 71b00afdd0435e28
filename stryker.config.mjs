// Mutation testing of the codec, the frame, auth and replies: pnpm mutation, or pnpm mutation --mutate packages/core/src/auth.ts
export default {
  mutate: [
    "packages/core/src/codec/*.ts",
    "packages/core/src/frame.ts",
    "packages/core/src/auth.ts",
    "packages/core/src/replies.ts",
  ],
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: "vitest.mutation.ts", related: false },
  ignorePatterns: ["/coverage", "/reports", "/.transcripts", "/packages/*/dist", "/docs", "/bench"],
  tempDirName: "node_modules/.stryker",
  reporters: ["clear-text", "progress"],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  concurrency: 2,
  // Time-outs count as found: on a busy machine a shorter one would count what only took long.
  timeoutMS: 10_000,
  thresholds: { high: 95, low: 90, break: 85 },
};
