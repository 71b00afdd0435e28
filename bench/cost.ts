/**
 * What a connection costs a server in memory: `node --import tsx bench/cost.ts [ADAPTER ...]`, after `pnpm build`. Each
 * figure is the growth of the server's resident memory, after a collection, for each connection: what grows once is spread
 * over all. What the kernel holds is not in it. The server runs in a process and a runtime of its own.
 */
import type { CommonOptions } from "@ezez-ws/core";
import { encodeFrame, Opcode } from "../packages/conformance/src/frames.js";
import { encode } from "../packages/conformance/src/messages.js";
import { Wire } from "../packages/conformance/src/wire.js";
import { ADAPTERS, Server } from "./server-process.js";

const KiB = 1024;
const MiB = 1024 * KiB;

// ---- What is measured

interface Scenario {
  readonly name: string;
  readonly connections: number;
  readonly options?: CommonOptions;
  /** Brings one connection to where it costs most. All are brought there together. */
  readonly load: (wire: Wire) => void | Promise<void>;
}

// What the options are by default: maxPayloadBeforeAuth, maxPayload, queueLimitBytes.
const LIMIT = 64 * KiB;
const PAYLOAD = MiB;
const QUEUE = MiB;

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A message of one frame, all but its last byte. */
const unfinished = (bytes: number): Buffer => encodeFrame(Opcode.binary, Buffer.alloc(bytes)).subarray(0, -1);

/** The first fragments of a message. */
const fragments = (count: number, bytes: number): Buffer => {
  const rest = encodeFrame(Opcode.continuation, Buffer.alloc(bytes), { fin: false });
  const first = encodeFrame(Opcode.binary, Buffer.alloc(bytes), { fin: false });
  return Buffer.concat([first, ...Array.from({ length: count - 1 }, () => rest)]);
};

/** Messages of this size until the queue is full. */
const fillQueue = (message: Buffer) => (wire: Wire) => {
  const frame = encodeFrame(Opcode.binary, message);
  wire.write(Buffer.concat(Array.from({ length: Math.floor(QUEUE / message.length) }, () => frame)));
};

const QUEUED: CommonOptions = { messagesBeforeAuth: "queue" };

const SCENARIOS: readonly Scenario[] = [
  { name: "idle, not authenticated", connections: 4000, load: () => undefined },
  {
    name: "64 KiB of a message that never ends",
    connections: 200,
    load: (wire) => wire.write(unfinished(LIMIT)),
  },
  {
    name: "twice maxPayload of a message that never ends",
    connections: 40,
    load: (wire) => wire.write(unfinished(2 * PAYLOAD)),
  },
  {
    name: "the same in fragments of 16 KiB",
    connections: 40,
    load: (wire) => wire.write(fragments((2 * PAYLOAD) / (16 * KiB), 16 * KiB)),
  },
  {
    name: "1,000 fragments of one byte, of a message that never ends",
    connections: 200,
    load: (wire) => wire.write(fragments(1000, 1)),
  },
  {
    name: "60 MiB of a message that never ends, in fragments of 1 MiB",
    connections: 2,
    load: (wire) => wire.write(fragments(60, MiB)),
  },
  {
    name: "1 MiB queued, messages of 64 KiB",
    connections: 40,
    options: QUEUED,
    load: fillQueue(encode("e", 1, null, Buffer.alloc(LIMIT - 100))),
  },
  { name: "1 MiB queued, small messages", connections: 40, options: QUEUED, load: fillQueue(encode("e", 1, null)) },
  {
    name: "1 MiB queued, empty arrays",
    connections: 40,
    options: QUEUED,
    load: fillQueue(encode("e", 1, null, new Array((LIMIT - 100) / 3).fill([]))),
  },
  { name: "idle, authenticated", connections: 4000, load: (wire) => wire.authenticate() },
  {
    name: "maxBackpressure full (4 MiB)",
    connections: 40,
    options: { maxBackpressure: 4 * MiB },
    load: async (wire) => {
      await wire.authenticate();
      wire.pause();
      wire.event("fill");
    },
  },
  {
    name: "10,000 replies awaited",
    connections: 40,
    options: { maxAwaitingReplies: 10_000, maxBackpressure: 64 * MiB },
    load: async (wire) => {
      await wire.authenticate();
      wire.event("ask");
      for (let i = 0; i < 10_000; i++) await wire.bytes();
    },
  },
  {
    name: "32 MiB of pings, their pongs not read",
    connections: 4,
    load: (wire) => {
      wire.pause();
      const ping = encodeFrame(Opcode.ping, Buffer.alloc(125));
      wire.write(Buffer.concat(Array.from({ length: (32 * MiB) / ping.length }, () => ping)));
    },
  },
];

// Nobody is to be given up while it is measured.
const PATIENCE: CommonOptions = { authTimeoutMs: 600_000, authDecisionTimeoutMs: 600_000, heartbeatIntervalMs: 0 };
const AT_ONCE = 100;

const open = async (port: number, connections: number): Promise<Wire[]> => {
  const wires: Wire[] = [];
  while (wires.length < connections) {
    const next = Math.min(AT_ONCE, connections - wires.length);
    wires.push(...(await Promise.all(Array.from({ length: next }, () => Wire.open(port, { answerPings: false })))));
  }
  return wires;
};

const SETTLE_MS = 1000;
const SETTLE_TIMES = 30;

/** The server's memory once it has read what is on its way to it, of which nothing else tells. */
const settled = async (server: Server): Promise<number> => {
  let before = await server.measure();
  for (let i = 0; i < SETTLE_TIMES; i++) {
    await sleep(SETTLE_MS);
    const now = await server.measure();
    if (Math.abs(now - before) < 0.01 * before) return now;
    before = now;
  }
  return before;
};

/** Growth of the server's memory for each connection. */
const cost = async (adapter: string, { connections, options, load }: Scenario): Promise<number> => {
  const server = new Server(adapter, { ...PATIENCE, ...options });
  const port = await server.number();
  const first = await Wire.authenticated(port);
  first.destroy();
  const before = await settled(server);
  const wires = await open(port, connections);
  await Promise.all(wires.map(load));
  const after = await settled(server);
  const closed = wires.filter((wire) => !wire.isOpen).length;
  for (const wire of wires) wire.destroy();
  server.end();
  if (closed > 0) console.log(`  ${closed} of ${connections} were closed`);
  return (after - before) / connections;
};

const adapters = process.argv.slice(2);
for (const scenario of SCENARIOS) {
  console.log(`${scenario.name} (${scenario.connections} connections)`);
  for (const adapter of adapters.length === 0 ? ADAPTERS : adapters) {
    const bytes = await cost(adapter, scenario);
    console.log(`  ${adapter.padEnd(5)} ${(bytes / KiB).toFixed(bytes < 100 * KiB ? 1 : 0).padStart(8)} KiB`);
  }
}
