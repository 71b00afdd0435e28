// Known faults of what is shipped: run-time dependencies, and the ws that users install beside it. Ends with 1 where there
// is one; where the registry cannot tell (not every one answers audits), it says "skipped" and why, and ends with 0.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

// What was fetched once starts also while the registry does not answer.
const { stdout, stderr } = spawnSync(
  "npx",
  ["--prefer-offline", "-y", "pnpm@12.21.0", "audit", "--json", ...process.argv.slice(2)],
  {
    encoding: "utf8",
  },
);

const report = (() => {
  try {
    return JSON.parse(stdout);
  } catch {
    return {};
  }
})();

// A test has another ws, for its fault.
const { ws } = JSON.parse(
  readFileSync(new URL("../packages/adapter-ws/package.json", import.meta.url)),
).devDependencies;
const isShipped = ({ module_name, findings }) =>
  findings.some(({ dev, version }) => !dev || (module_name === "ws" && version === ws));

if (report.advisories === undefined) {
  const reason = `${stderr}${stdout}`.replace(/[\s│×├╰─▶]+/g, " ").trim();
  console.log(`skipped: audit (${reason.slice(0, 300)})`);
} else {
  const advisories = Object.values(report.advisories).filter(isShipped);
  for (const { module_name, severity, title, url } of advisories) {
    console.log(`${module_name}: ${title} (${severity}) ${url}`);
  }
  console.log(`${advisories.length} known faults in what is shipped`);
  process.exitCode = advisories.length > 0 ? 1 : 0;
}
