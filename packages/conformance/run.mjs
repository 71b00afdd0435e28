// The remote suite against any URL: pnpm conformance ws://127.0.0.1:7070/
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const url = process.argv.slice(2).find((argument) => argument !== "--");
if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== "ws:") {
  console.error(
    "usage: pnpm conformance ws://HOST:PORT/PATH, where the application of packages/conformance/README.md runs",
  );
  process.exit(2);
}
const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", "packages/conformance/test/remote.test.ts"], {
  cwd: root,
  env: { ...process.env, CONFORMANCE_URL: url },
  stdio: "inherit",
});
process.exit(status ?? 1);
