// Every case against every row: pnpm hostile [--check] [--row NAME] [--case NUMBER] [--seed N] [--canary-ms N]
import { fork } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withGenerated } from "../../../tools/generated.js";
import { casesOf, GROUPS } from "./cases/index.js";
import type { Grant, Outcome, Report } from "./outcome.js";
import { buildProgram } from "./program.js";
import { missingRuntime, ROWS, type Row } from "./row.js";
import type { RowSettings } from "./run-row.js";
import { type RowOutcomes, tableOf } from "./table.js";

const DOCUMENT = fileURLToPath(new URL("../../../docs/reliability.md", import.meta.url));
const ROW_RUN = fileURLToPath(new URL("./run-row.ts", import.meta.url));

// Many processes share the machine: what takes milliseconds on one of one's own can take seconds.
const WAIT_DEADLINE_MS = "20000";

const { values } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    row: { type: "string", multiple: true, default: [] },
    case: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: "1" },
    "canary-ms": { type: "string", default: "250" },
  },
});

// Rows that wait for the machine, in order; the first has it.
const waiting: (() => void)[] = [];
const want = (grant: () => void): void => {
  if (waiting.push(grant) === 1) grant();
};
const release = (): void => {
  waiting.shift();
  waiting[0]?.();
};

const run = (row: Row): Promise<RowOutcomes> => {
  const missing = missingRuntime(row);
  if (missing !== undefined) return Promise.resolve({ row, obstacle: missing, outcomes: [] });
  const settings: RowSettings = {
    row: row.name,
    seed: Number(values.seed),
    canaryMs: Number(values["canary-ms"]),
    only: values.case.map(Number),
  };
  const child = fork(ROW_RUN, [JSON.stringify(settings)], {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, WAIT_DEADLINE_MS },
  });
  const outcomes: Outcome[] = [];
  let obstacle: string | undefined;
  let hasMachine = false;
  child.on("message", (report: Report) => {
    if ("obstacle" in report) obstacle = report.obstacle;
    else if ("outcome" in report) {
      outcomes.push(report.outcome);
      print(row, report.outcome);
    } else if (report.wants === "machine") {
      want(() => {
        hasMachine = true;
        child.send({ machine: true } satisfies Grant);
      });
    } else {
      hasMachine = false;
      release();
    }
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (hasMachine) release();
      if (code === 0) resolve({ row, obstacle, outcomes });
      else reject(new Error(`the run of ${row.name} ended with ${code}`));
    });
  });
};

const print = (row: Row, outcome: Outcome): void => {
  const details =
    outcome.result === "pass"
      ? `canary ${outcome.canaryMs} ms ${outcome.differs.join(", ")}`
      : outcome.why.replaceAll("\n", "\n      ");
  console.log(`${outcome.result} ${row.name} ${outcome.number} (${outcome.milliseconds} ms) ${details}`);
};

await buildProgram();
console.log(`seed ${values.seed}, canary ${values["canary-ms"]} ms, ${Object.values(GROUPS).flat().length} cases`);
const rows = ROWS.filter(({ name }) => values.row.length === 0 || values.row.includes(name));
const all = await Promise.all(rows.map(run));
for (const { row, obstacle } of all) if (obstacle !== undefined) console.log(`skip ${row.name}: ${obstacle}`);
const isWhole = values.row.length === 0 && values.case.length === 0;
if (isWhole && !values.check) {
  await writeFile(DOCUMENT, withGenerated(await readFile(DOCUMENT, "utf8"), "hostile", tableOf(all)));
}
const count = (result: Outcome["result"]): number =>
  all.flatMap(({ outcomes }) => outcomes).filter((outcome) => outcome.result === result).length;
const notPlayed = all.filter(({ obstacle }) => obstacle !== undefined).flatMap(({ row }) => casesOf(row));
console.log(`${count("pass")} passed, ${count("fail")} failed, ${count("skip") + notPlayed.length} skipped`);
process.exitCode = count("fail") === 0 ? 0 : 1;
