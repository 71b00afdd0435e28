/** `pnpm bench`: see README.md. */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { canPin, findBun, startGenerator } from "./child.js";
import { machineFacts } from "./machine.js";
import { measure } from "./measure.js";
import { cellsOf } from "./results.js";
import { SERVERS, serversOf, whyNot } from "./servers.js";
import { tableOf } from "./table.js";
import { QUICK, WORKLOADS } from "./workloads.js";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    servers: { type: "string", default: "ws,uws,bun" },
    rounds: { type: "string", default: "5" },
  },
});

const names = options.only?.split(",") ?? (options.quick ? QUICK : WORKLOADS.map(({ name }) => name));
const unknown = names.find((name) => !WORKLOADS.some((workload) => workload.name === name));
if (unknown !== undefined) throw new Error(`no workload ${unknown}; there are ${WORKLOADS.map(({ name }) => name)}`);

const bun = findBun();
if (bun === undefined) throw new Error("the load generator needs Bun: pnpm install");
if (!canPin) console.log("not pinned to cores: taskset or a second core is missing; figures will vary more");

const servers = serversOf(options.servers.split(",")).filter((definition) => {
  const reason = whyNot(definition, bun);
  if (reason !== undefined) console.log(`skipped ${definition.title}: ${reason}`);
  return reason === undefined;
});

const generator = await startGenerator();
try {
  const plan = {
    workloads: WORKLOADS.filter(({ name }) => names.includes(name)),
    servers,
    rounds: Number(options.rounds),
    milliseconds: options.quick ? 120 : 500,
  };
  const cells = cellsOf(await measure(plan, generator, console.log), servers);
  console.log(`\n${tableOf(cells)}`);
  const results = { date: new Date().toISOString(), machine: machineFacts(bun, canPin), cells };
  const isFull = !options.quick && options.only === undefined && servers.length === SERVERS.length;
  const folder = new URL("results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  // Only what is whole is kept for the plot.
  writeFileSync(new URL(isFull ? "latest.json" : "partial.json", folder), `${JSON.stringify(results, null, 2)}\n`);
} finally {
  await generator.stop();
}
