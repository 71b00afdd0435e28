// Reads vitest's JSON report: prints "passed failed skipped", then a line for each failed and each skipped test.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tests = report.testResults.flatMap((file) => file.assertionResults);
const withStatus = (...statuses) => tests.filter((test) => statuses.includes(test.status));
const passed = withStatus("passed");
const failed = withStatus("failed");
const skipped = withStatus("pending", "skipped", "todo", "disabled");

// A file that fails before its tests are known has none to count.
const brokenFiles = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);

console.log(passed.length, failed.length + brokenFiles.length, skipped.length);
for (const test of failed) console.log(`failed: ${test.fullName}`);
for (const file of brokenFiles) console.log(`failed: ${file.name}`);
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
