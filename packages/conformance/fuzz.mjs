// The fuzzers for longer than a test run: pnpm fuzz --minutes 60
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const usage = `usage: pnpm fuzz --minutes N [--server ws|uws|bun|deno | --decoder] [--seed N]
       pnpm fuzz --server ws|uws|bun|deno --seed N     one session again
N minutes in all; without --server and --decoder they are divided among all that can run here.`;

const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const SERVERS = {
  ws: [process.execPath],
  uws: [process.execPath],
  bun: ["node_modules/.bin/bun", "--bun"],
  deno: ["tools/runtimes/node_modules/.bin/deno", "run", "-A", "--no-prompt"],
};

const options = {
  minutes: { type: "string" },
  seed: { type: "string" },
  server: { type: "string" },
  decoder: { type: "boolean" },
};
let values;
try {
  ({ values } = parseArgs({ options, args: process.argv.slice(2).filter((argument) => argument !== "--") }));
} catch {
  values = {};
}
const { minutes, server, decoder = false } = values;
const again = minutes === undefined && server !== undefined && values.seed !== undefined;
const isNumber = (text) => text === undefined || /^\d+(\.\d+)?$/.test(text);
if (
  (minutes === undefined && !again) ||
  !isNumber(minutes) ||
  !isNumber(values.seed) ||
  (server !== undefined && !(server in SERVERS))
) {
  console.error(usage);
  process.exit(2);
}

const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const run = ([command, ...before], file, env) => {
  const args = [...before, vitest, "run", file];
  return spawnSync(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } }).status === 0;
};

const targets = server !== undefined ? [server] : decoder ? [] : Object.keys(SERVERS);
const withDecoder = server === undefined;
const share = again ? "0" : String(Number(minutes) / (targets.length + (withDecoder ? 1 : 0)));
let passed = true;
if (withDecoder) {
  const env = { EZEZ_SEED: seed, FUZZ_MINUTES: share };
  passed = run([process.execPath], "packages/core/test/decoder-fuzz.test.ts", env);
}
for (const name of targets) {
  const env = { FUZZ_SEED: seed, FUZZ_MINUTES: share, ...(again ? { FUZZ_SESSIONS: "1" } : {}) };
  passed = run(SERVERS[name], `packages/conformance/test/fuzz-${name}.test.ts`, env) && passed;
}
console.log(`fuzz: ${passed ? "nothing found" : "FAILED"}, --seed ${seed}`);
process.exit(passed ? 0 : 1);
