/** `pnpm bench`: see README.md. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildServers } from "./build-servers.js";
import { canPin, findBun, startGenerator } from "./child.js";
import { type Floors, floorsOf, type Regression, regressions } from "./guard.js";
import { machineFacts } from "./machine.js";
import { measure, type Plan } from "./measure.js";
import { profileFlags, topOf } from "./profile.js";
import { cellsOf, type Readings, type Results } from "./results.js";
import { SERVERS, serversOf, whyNot } from "./servers.js";
import { tableOf } from "./table.js";
import { GUARDED, QUICK, WORKLOADS } from "./workloads.js";

const FAMILIES = "ws,uws,bun";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    guard: { type: "boolean", default: false },
    "write-floors": { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    only: { type: "string" },
    servers: { type: "string", default: FAMILIES },
    rounds: { type: "string", default: "5" },
  },
});

const SAMPLE_MS = 400;
const QUICK_SAMPLE_MS = 120;

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const write = (file: string, content: unknown): void => writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);

const RESULTS = path("results");
const PROFILES = path("results/profiles");
const FLOORS = path("floors.json");

const hasFloors = options.guard || options["write-floors"];
const isQuick = options.quick || hasFloors;

const standard = hasFloors ? GUARDED : isQuick ? QUICK : WORKLOADS.map(({ name }) => name);
const names = options.only?.split(",") ?? standard;
if (hasFloors && (options.only !== undefined || options.servers !== FAMILIES)) {
  throw new Error("the floors are of certain workloads on all servers: neither --only nor --servers");
}
const unknown = names.find((name) => !WORKLOADS.some((workload) => workload.name === name));
if (unknown !== undefined) {
  throw new Error(`no workload ${unknown}; there are ${WORKLOADS.map(({ name }) => name).join(", ")}`);
}

const bun = findBun();
if (bun === undefined) throw new Error("the load generator needs Bun: pnpm install");
if (!canPin) console.log("not pinned to cores: taskset or a second core is missing; figures will vary more");

const skipped: string[] = [];
const servers = serversOf(options.servers.split(",")).filter((definition) => {
  // The floors are about the raw controls alone.
  if (hasFloors && definition.dialect === "socketio") return false;
  const reason = whyNot(definition, bun);
  if (reason === undefined) return true;
  skipped.push(definition.name);
  console.log(`skipped ${definition.title}: ${reason}`);
  return false;
});

buildServers();
mkdirSync(RESULTS, { recursive: true });
if (options.profile) rmSync(PROFILES, { recursive: true, force: true });

const plan: Plan = {
  workloads: WORKLOADS.filter(({ name }) => names.includes(name)),
  servers,
  rounds: Number(options.rounds),
  freshRounds: isQuick ? 1 : Number(options.rounds),
  milliseconds: isQuick ? QUICK_SAMPLE_MS : SAMPLE_MS,
  flags: (server, workload) => (options.profile ? profileFlags(PROFILES, `${workload.name}-${server.name}`) : []),
};

const floors = JSON.parse(readFileSync(FLOORS, "utf8")) as Floors;
const readings: Readings = new Map();
const below = (): Regression[] => (options.guard ? regressions(cellsOf(readings, servers), floors, skipped) : []);

const generator = await startGenerator();
try {
  await measure(plan, generator, readings, console.log);
  const suspects = below();
  if (suspects.length > 0) {
    // One sample may be the machine's own moment: with twice as many more, it is the median of three.
    for (const { reason } of suspects) console.log(`measured again: ${reason}`);
    const metrics = suspects.map(({ metric }) => metric);
    const workloads = plan.workloads.filter((one) =>
      (one.metrics ?? [one.name]).some((name) => metrics.includes(name)),
    );
    const further = { ...plan, workloads, rounds: 2 * plan.rounds, freshRounds: 2 * plan.freshRounds };
    await measure(further, generator, readings, console.log);
  }
} finally {
  await generator.stop();
}
const cells = cellsOf(readings, servers);
console.log(`\n${tableOf(cells)}`);
if (options.profile) console.log(`\n${topOf(PROFILES)}`);

const isWhole =
  plan.workloads.length === WORKLOADS.length && servers.length === SERVERS.length && !isQuick && !options.profile;
const results: Results = { date: new Date().toISOString(), machine: machineFacts(bun, canPin), cells };
// Only what is whole is kept and drawn.
write(`${RESULTS}/${isWhole ? "latest" : "partial"}.json`, results);
if (options["write-floors"]) write(FLOORS, floorsOf(cells));

if (options.guard) {
  const found = below();
  for (const { reason } of found) console.error(`regression: ${reason}`);
  console.log(found.length === 0 ? "no regression" : `${found.length} of the floors in bench/floors.json broken`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
