import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Runs the script until it ends by itself. */
const run = (scenario: string): Promise<{ code: unknown; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const child = execFile(
      "node",
      ["--import", "tsx", path("./process/server.ts"), scenario],
      { timeout: 60_000, env: { ...process.env, TSX_TSCONFIG_PATH: path("./process/tsconfig.json") } },
      (error, stdout, stderr) => resolve({ code: error?.killed ? "hangs" : child.exitCode, stdout, stderr }),
    );
  });

describe.concurrent("the process ends by itself, with code 0", () => {
  for (const scenario of [
    "after close, with clients connected",
    "after close, with clients that never answer",
    "after close, with an HTTP server of the user's that closes",
    "and counted its connections from 0 over two servers",
    "where the server was never started",
    "where start failed",
  ]) {
    it(scenario, { timeout: 70_000 }, async () => {
      expect(await run(scenario)).toEqual({ code: 0, stdout: "done\n", stderr: "" });
    });
  }
});
