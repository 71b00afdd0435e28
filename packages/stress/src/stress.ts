// pnpm stress [--ci] [--adapter ws|uws|bun|deno|all] [--only soak|accounting|slow|reconnect|shutdown] [--seed N]
import { parseArgs } from "node:util";
import { runAccounting } from "./accounting/run.js";
import { type AdapterName, chosenAdapters } from "./adapters.js";
import { type Check, printChecks } from "./check.js";
import { checkReconnect } from "./checks/reconnect.js";
import { checkShutdown } from "./checks/shutdown.js";
import { checkSlow } from "./checks/slow.js";
import { seedOf } from "./seed.js";
import { runSoak } from "./soak/run.js";

interface Sizes {
  readonly soak: { readonly minutes: number; readonly connections: number; readonly asksPerSecond: number };
  readonly messages: number;
  readonly readers: number;
  readonly stalled: number;
  readonly clients: (adapter: AdapterName) => number;
  readonly shutdowns: number;
}

const FULL: Sizes = {
  soak: { minutes: 5, connections: 500, asksPerSecond: 550 },
  messages: 200_000,
  readers: 900,
  stalled: 100,
  clients: () => 2000,
  shutdowns: 50,
};
const SHORT: Sizes = {
  soak: { minutes: 0.25, connections: 200, asksPerSecond: 300 },
  messages: 20_000,
  readers: 90,
  stalled: 10,
  // The adapters run side by side: 2,000 clients of each take all of a processor, and their attempts begin late.
  clients: (adapter) => (adapter === "ws" ? 2000 : 500),
  shutdowns: 5,
};

const { values } = parseArgs({
  options: {
    ci: { type: "boolean", default: false },
    adapter: { type: "string" },
    only: { type: "string" },
    seed: { type: "string" },
  },
});
const seed = seedOf(values.seed);
const sizes = values.ci ? SHORT : FULL;
const adapters =
  values.adapter === undefined && values.ci ? (["ws", "uws", "bun"] as const) : chosenAdapters(values.adapter ?? "all");

type Task = { readonly name: string; readonly run: (adapter: AdapterName) => Promise<readonly Check[]> };

const SOAK: Task = {
  name: "soak",
  run: async (adapter) => {
    const { minutes, ...load } = sizes.soak;
    return (await runSoak({ adapter, minutes, seed, load, sampled: () => undefined })).checks;
  },
};
const ACCOUNTING: Task = {
  name: "accounting",
  run: (adapter) => runAccounting({ adapter, messages: sizes.messages, seed }),
};
const SLOW: Task = {
  name: "slow",
  run: (adapter) => checkSlow({ adapter, readers: sizes.readers, stalled: sizes.stalled }),
};
const RECONNECT: Task = { name: "reconnect", run: (adapter) => checkReconnect(adapter, sizes.clients(adapter)) };
const SHUTDOWN: Task = { name: "shutdown", run: (adapter) => checkShutdown(adapter, sizes.shutdowns) };
const TASKS = [SOAK, ACCOUNTING, SLOW, RECONNECT, SHUTDOWN];

let kept = 0;
let broken = 0;

const runTask = async ({ name, run }: Task, adapter: AdapterName): Promise<void> => {
  try {
    const checks = await run(adapter);
    printChecks(`${name} on ${adapter}`, checks);
    const held = checks.filter(({ holds }) => holds).length;
    kept += held;
    broken += checks.length - held;
  } catch (error) {
    console.log(`BROKEN ${name} on ${adapter}: ${error instanceof Error ? error.message : error}`);
    broken += 1;
  }
};

const chosen = TASKS.filter(({ name }) => values.only === undefined || name === values.only);
if (chosen.length === 0) throw new Error(`--only is one of ${TASKS.map(({ name }) => name).join(", ")}`);

/** These for every adapter: side by side, or one after the other where times are compared or the load is high. */
const runAll = async (tasks: readonly Task[], sideBySide: boolean): Promise<void> => {
  const runs = tasks
    .filter((task) => chosen.includes(task))
    .flatMap((task) => adapters.map((adapter) => () => runTask(task, adapter)));
  if (sideBySide) await Promise.all(runs.map((run) => run()));
  else for (const run of runs) await run();
};

const start = performance.now();
console.log(`stress: ${adapters.join(", ")}, seed ${seed}`);
await runAll([SOAK, ACCOUNTING], true);
await runAll([SLOW], false);
await runAll([RECONNECT], values.ci);
await runAll([SHUTDOWN], false);
console.log(`stress: ${Math.round((performance.now() - start) / 1000)} s`);
console.log(`${kept} passed, ${broken} failed, 0 skipped`);
process.exitCode = broken === 0 ? 0 : 1;
