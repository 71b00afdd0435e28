// pnpm soak --minutes N [--adapter ws|uws|bun|deno|all] [--seed N]
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type AdapterName, chosenAdapters } from "./adapters.js";
import { inMiB, printChecks } from "./check.js";
import { seedOf } from "./seed.js";
import { drawSoak } from "./soak/picture.js";
import { runSoak } from "./soak/run.js";

const LOAD = { connections: 500, asksPerSecond: 550 };
const RESULTS = new URL("../results/", import.meta.url);
const IMAGES = new URL("../../../docs/images/", import.meta.url);

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    adapter: { type: "string", default: "ws" },
    seed: { type: "string" },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error("--minutes is a number above 0");
const seed = seedOf(values.seed);

const soak = async (adapter: AdapterName): Promise<boolean> => {
  const lines = new URL(`soak-${adapter}.jsonl`, RESULTS);
  writeFileSync(lines, "");
  const report = await runSoak({
    adapter,
    minutes,
    seed,
    load: LOAD,
    sampled: (sample) => writeFileSync(lines, `${JSON.stringify(sample)}\n`, { flag: "a" }),
  });
  const { samples, checks, ...summary } = report;
  const connected = samples.filter(({ connections }) => connections > 0);
  const title = `adapter-${adapter}: ${LOAD.connections} connections, ${Math.round(summary.messagesPerSecond)} messages/s, ${Math.round(summary.minutes)} min`;
  writeFileSync(new URL(`soak-${adapter}.json`, RESULTS), `${JSON.stringify({ ...summary, checks }, null, 2)}\n`);
  writeFileSync(new URL(`soak-${adapter}.svg`, IMAGES), drawSoak(title, connected, summary.warmUpSeconds));
  console.log(JSON.stringify({ ...summary, heapGrowthPerHour: inMiB(summary.heapGrowthBytesPerHour) }));
  return printChecks(`soak on ${adapter}`, checks);
};

mkdirSync(RESULTS, { recursive: true });
console.log(`soak: ${minutes} min, seed ${seed}`);
// Side by side; one that fails does not end the others.
const outcomes = await Promise.allSettled(chosenAdapters(values.adapter).map(soak));
for (const outcome of outcomes) if (outcome.status === "rejected") console.error(`BROKEN soak: ${outcome.reason}`);
if (!outcomes.every((outcome) => outcome.status === "fulfilled" && outcome.value)) process.exitCode = 1;
