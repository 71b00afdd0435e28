import { type Generator, type RunningServer, startServer } from "./child.js";
import { addReading, type Readings } from "./results.js";
import type { ServerDefinition } from "./servers.js";
import type { Workload } from "./workloads.js";

export interface Plan {
  readonly workloads: readonly Workload[];
  readonly servers: readonly ServerDefinition[];
  readonly rounds: number;
  /** Of workloads that want a new server for each sample, which takes long. */
  readonly freshRounds: number;
  readonly milliseconds: number;
  /** Further arguments of a server's runtime. */
  readonly flags?: (server: ServerDefinition, workload: Workload) => readonly string[];
}

/** Every workload on every server: the servers in turn, round by round, every other round backwards. Adds to `readings`. */
export const measure = async (
  plan: Plan,
  generator: Generator,
  readings: Readings,
  tell: (line: string) => void,
): Promise<void> => {
  for (const workload of plan.workloads) {
    const start = performance.now();
    const servers = plan.servers.filter(workload.runs);
    if (workload.fresh === true) await onFresh(workload, servers, plan, generator, readings);
    else await onSteady(workload, servers, plan, generator, readings);
    tell(`${workload.name}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
};

const order = <T>(items: readonly T[], round: number): readonly T[] => (round % 2 === 0 ? items : [...items].reverse());

type Run = (
  workload: Workload,
  servers: readonly ServerDefinition[],
  plan: Plan,
  generator: Generator,
  readings: Readings,
) => Promise<void>;

/** All servers run all the time, and do nothing while it is another's turn. */
const onSteady: Run = async (workload, definitions, { rounds, milliseconds, flags }, generator, readings) => {
  const servers = await startAll(definitions, (definition) => startServer(definition, flags?.(definition, workload)));
  try {
    for (const server of servers) await workload.prepare({ server, generator, milliseconds });
    for (let round = 0; round < rounds; round++) {
      for (const server of order(servers, round)) {
        for (const reading of await workload.sample({ server, generator, milliseconds })) {
          addReading(readings, server.definition.name, reading);
        }
      }
    }
    if (workload.finish !== undefined)
      for (const server of servers) await workload.finish({ server, generator, milliseconds });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
};

const startAll = async (
  definitions: readonly ServerDefinition[],
  start: (definition: ServerDefinition) => Promise<RunningServer>,
): Promise<RunningServer[]> => {
  const started = await Promise.allSettled(definitions.map(start));
  const servers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = started.find((result) => result.status === "rejected");
  if (failed === undefined) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
};

const onFresh: Run = async (workload, definitions, { freshRounds, milliseconds, flags }, generator, readings) => {
  for (let round = 0; round < freshRounds; round++) {
    for (const definition of order(definitions, round)) {
      const server = await startServer(definition, flags?.(definition, workload));
      try {
        await workload.prepare({ server, generator, milliseconds });
        for (const reading of await workload.sample({ server, generator, milliseconds })) {
          addReading(readings, definition.name, reading);
        }
      } finally {
        await server.stop();
      }
    }
  }
};
