import type { Generator, RunningServer } from "./child.js";
import type { Command, Outcome } from "./generator/commands.js";
import type { ServerDefinition } from "./servers.js";
import type { ValueName } from "./values.js";

/** One sample of one metric. */
export interface Reading {
  readonly metric: string;
  /** Of one message, frame, reply or connection, in the metric's unit. */
  readonly cost: number;
  /** The same where nothing is piled up, for metrics that compare with that. */
  readonly base?: number;
  /** Microseconds. */
  readonly latency?: { readonly p50: number; readonly p99: number };
  /** CPU seconds per second. */
  readonly load?: { readonly server: number; readonly generator: number };
}

export interface Stage {
  readonly server: RunningServer;
  readonly generator: Generator;
  /** How long one sample takes. */
  readonly milliseconds: number;
}

export interface Workload {
  readonly name: string;
  /** The metrics it gives, where they are not the one of its name. */
  readonly metrics?: readonly string[];
  readonly runs: (definition: ServerDefinition) => boolean;
  /** A server that has served nothing yet for each sample. */
  readonly fresh?: boolean;
  /** Connects and warms up. */
  prepare(stage: Stage): Promise<void>;
  sample(stage: Stage): Promise<Reading[]>;
  /** Disconnects. */
  finish?(stage: Stage): Promise<void>;
}

const all = (): boolean => true;

const open = async (
  { generator, server }: Stage,
  connections: number,
  pool = server.definition.name,
): Promise<void> => {
  const { port, definition } = server;
  await generator.perform({ kind: "open", pool, port, dialect: definition.dialect, connections });
};

/** What the command came to, and the server's CPU for it. */
const timed = async ({ generator, server }: Stage, command: Command): Promise<{ outcome: Outcome; cpu: number }> => {
  const before = await server.usage();
  const outcome = await generator.perform(command);
  const after = await server.usage();
  return { outcome, cpu: after.cpu - before.cpu };
};

// CPU milliseconds, short samples or long: engines compile for that long, ours more than what only copies bytes.
const WARM_UP_MS = 600;

/** Until the server has had the CPU for long enough, which on a busy machine takes longer than that. */
const warmUp = async ({ milliseconds }: Stage, work: () => ReturnType<typeof timed>): Promise<void> => {
  const most = Math.ceil((4 * WARM_UP_MS) / milliseconds);
  let used = 0;
  for (let i = 0; i < most && used < WARM_UP_MS * 1000; i++) used += (await work()).cpu;
};

const readingOf = (metric: string, { outcome, cpu }: { outcome: Outcome; cpu: number }): Reading => ({
  metric,
  cost: cpu / outcome.count,
  latency: { p50: outcome.p50, p99: outcome.p99 },
  load: { server: cpu / outcome.wall, generator: outcome.cpu / outcome.wall },
});

/** One command, again and again, on connections that stay. */
const steady = (
  name: string,
  connections: number,
  command: (pool: string, milliseconds: number) => Command,
): Workload => ({
  name,
  runs: all,
  prepare: async (stage) => {
    await open(stage, connections);
    await warmUp(stage, () => timed(stage, command(stage.server.definition.name, stage.milliseconds)));
  },
  sample: async (stage) => [
    readingOf(name, await timed(stage, command(stage.server.definition.name, stage.milliseconds))),
  ],
  finish: async (stage) => void (await stage.generator.perform({ kind: "drop", pool: stage.server.definition.name })),
});

const echo = (name: string, connections: number, value: ValueName, window: number): Workload =>
  steady(name, connections, (pool, milliseconds) => ({ kind: "echo", pool, value, window, milliseconds }));

const BUSY = 50;
const IDLE = 5000;
const VISITORS = 50;

const connect: Workload = {
  name: "connect",
  runs: all,
  prepare: (stage) => warmUp(stage, () => visit(stage)),
  sample: async (stage) => [readingOf("connect", await visit(stage))],
};

const visit = (stage: Stage): ReturnType<typeof timed> => {
  const { port, definition } = stage.server;
  const { milliseconds } = stage;
  return timed(stage, { kind: "connect", port, dialect: definition.dialect, concurrency: VISITORS, milliseconds });
};

const idle: Workload = {
  name: "idle",
  metrics: ["rss", "heap", "idle+busy", "idle+connect"],
  runs: all,
  fresh: true,
  prepare: async (stage) => {
    await open(stage, BUSY, "busy");
    await costs(stage);
  },
  sample: async (stage) => {
    const { server, generator } = stage;
    const before = await server.usage("settled usage");
    await open(stage, IDLE, "idle");
    const after = await server.usage("settled usage");
    const beside = await costs(stage);
    await generator.perform({ kind: "drop", pool: "idle" });
    const alone = await costs(stage);
    await generator.perform({ kind: "drop", pool: "busy" });
    const each = (bytes: number): number => bytes / 1024 / IDLE;
    return [
      { metric: "rss", cost: each(after.rss - before.rss) },
      { metric: "heap", cost: each(after.heap - before.heap) },
      { ...beside.busy, base: alone.busy.cost },
      { ...beside.connect, base: alone.connect.cost },
    ];
  },
};

// In less a collection of what 5,000 connections left is most of it, or none of it is.
const COSTS_MS = 400;

/** Of a message on the busy connections, and of connecting and leaving; each once before, so that the heap is as large as it gets. */
const costs = async (given: Stage): Promise<{ busy: Reading; connect: Reading }> => {
  const stage = { ...given, milliseconds: Math.max(given.milliseconds, COSTS_MS) };
  await busy(stage);
  const messages = readingOf("idle+busy", await busy(stage));
  await visit(stage);
  return { busy: messages, connect: readingOf("idle+connect", await visit(stage)) };
};

const busy = (stage: Stage): ReturnType<typeof timed> =>
  timed(stage, { kind: "echo", pool: "busy", value: "small", window: 20, milliseconds: stage.milliseconds });

const FEW = 100;
const MANY = 100_000;

/** Replies on a connection with few others pending, then with many. */
const pending: Workload = {
  name: "pending",
  runs: ({ dialect }) => dialect === "ezez",
  fresh: true,
  prepare: async (stage) => {
    await open(stage, 1);
    await warmUp(stage, () => askMe(stage));
  },
  sample: async (stage) => {
    const pool = stage.server.definition.name;
    await stage.generator.perform({ kind: "hold", pool, count: FEW });
    const few = await askMe(stage);
    await stage.generator.perform({ kind: "hold", pool, count: MANY - FEW });
    const many = await askMe(stage);
    await stage.generator.perform({ kind: "drop", pool });
    return [{ ...readingOf("pending", many), base: readingOf("pending", few).cost }];
  },
};

const askMe = (stage: Stage): ReturnType<typeof timed> =>
  timed(stage, { kind: "askMe", pool: stage.server.definition.name, milliseconds: stage.milliseconds });

export const WORKLOADS: readonly Workload[] = [
  echo("small", BUSY, "small", 20),
  echo("object", BUSY, "object", 20),
  echo("1KiB", BUSY, "1KiB", 20),
  echo("64KiB", BUSY, "64KiB", 20),
  echo("window1", 200, "small", 1),
  steady("broadcast", 1000, (pool, milliseconds) => ({ kind: "broadcast", pool, burst: 20, milliseconds })),
  steady("broadcast1", 1000, (pool, milliseconds) => ({ kind: "broadcast", pool, burst: 1, milliseconds })),
  steady("ask", 1000, (pool, milliseconds) => ({ kind: "ask", pool, milliseconds })),
  connect,
  idle,
  pending,
];

export const QUICK = ["small", "object", "64KiB", "window1"];
/** What has floors. */
export const GUARDED = [...QUICK, "broadcast", "idle"];
