// Reads vitest's JSON report of a run on a runtime ("Node 20.1.2", "Bun"): prints "passed failed skipped", then a line for each
// failed and each skipped test. What may not be skipped there counts as failed.
import { readFileSync } from "node:fs";

const [file, runtime] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, "utf8"));

/** What may be skipped, as its name says, and on which runtimes. */
const MAY_SKIP = [
  [/\(skipped: Bun is not the runtime\)/, /^(Node|Deno)/],
  [/\(skipped: Deno is not the runtime\)/, /^(Node|Bun)/],
  [/\(skipped: Bun is the runtime\)|\(skipped on Bun: /, /^Bun/],
  [/^outside Deno /, /^Deno/],
  // Node 20 has none.
  [/^a process with Node's own WebSocket/, /^Node 20\./],
  // Its builds for these need a newer glibc than some machines have; for Bun and Deno there is none.
  [/^(fuzz: )?uws \(skipped: /, /^(Node 2[24]|Bun|Deno)/],
];
const maySkip = ({ fullName }) => MAY_SKIP.some(([name, where]) => name.test(fullName) && where.test(runtime));
const tests = report.testResults.flatMap((file) => file.assertionResults);
const withStatus = (...statuses) => tests.filter((test) => statuses.includes(test.status));
const passed = withStatus("passed");
const failed = withStatus("failed");
const notRun = withStatus("pending", "skipped", "todo", "disabled");
const skipped = notRun.filter(maySkip);
const missing = notRun.filter((test) => !maySkip(test));

// A file that fails before its tests are known has none to count.
const brokenFiles = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);

console.log(passed.length, failed.length + missing.length + brokenFiles.length, skipped.length);
for (const test of failed) console.log(`failed: ${test.fullName}`);
for (const test of missing) console.log(`failed: ${test.fullName} (must not be skipped on ${runtime})`);
for (const file of brokenFiles) console.log(`failed: ${file.name}`);
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
