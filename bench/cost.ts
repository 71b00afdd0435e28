/**
 * What a connection costs a server in memory: `node --import tsx bench/cost.ts [ADAPTER ...]`, after `pnpm build`. Each
 * figure is the growth of the server's resident memory, after a collection, for each connection. What the kernel holds
 * is not in it. The server runs in a process and a runtime of its own.
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
  /** Brings one connection to where it costs most. */
  readonly load: (wire: Wire) => void | Promise<void>;
}

const LIMIT = 64 * KiB;
const QUEUE = MiB;

/** Messages of this size until the queue is full. */
const fillQueue = (message: Buffer) => (wire: Wire) => {
  const frame = encodeFrame(Opcode.binary, message);
  wire.write(Buffer.concat(Array.from({ length: Math.floor(QUEUE / message.length) }, () => frame)));
};

const QUEUED: CommonOptions = { messagesBeforeAuth: "queue" };

const SCENARIOS: readonly Scenario[] = [
  { name: "idle, not authenticated", connections: 2000, load: () => undefined },
  {
    name: "64 KiB of a message that never ends",
    connections: 200,
    load: (wire) => wire.write(encodeFrame(Opcode.binary, Buffer.alloc(LIMIT)).subarray(0, -1)),
  },
  {
    name: "1,000 fragments of one byte, of a message that never ends",
    connections: 200,
    load: (wire) => {
      const rest = encodeFrame(Opcode.continuation, Buffer.alloc(1), { fin: false });
      const first = encodeFrame(Opcode.binary, Buffer.alloc(1), { fin: false });
      wire.write(Buffer.concat([first, ...Array.from({ length: 999 }, () => rest)]));
    },
  },
  {
    name: "1 MiB queued, messages of 64 KiB",
    connections: 20,
    options: QUEUED,
    load: fillQueue(encode("e", 1, null, Buffer.alloc(LIMIT - 100))),
  },
  { name: "1 MiB queued, small messages", connections: 20, options: QUEUED, load: fillQueue(encode("e", 1, null)) },
  {
    name: "1 MiB queued, empty arrays",
    connections: 20,
    options: QUEUED,
    load: fillQueue(encode("e", 1, null, new Array((LIMIT - 100) / 3).fill([]))),
  },
  { name: "idle, authenticated", connections: 2000, load: (wire) => wire.authenticate() },
  {
    name: "maxBackpressure full (4 MiB)",
    connections: 20,
    options: { maxBackpressure: 4 * MiB },
    load: async (wire) => {
      await wire.authenticate();
      wire.pause();
      wire.event("fill");
    },
  },
  {
    name: "10,000 replies awaited",
    connections: 20,
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
// The bytes are on their way, and nothing tells when the server has read the last.
const SETTLE_MS = 2000;

const open = (port: number, connections: number): Promise<Wire[]> =>
  Promise.all(Array.from({ length: connections }, () => Wire.open(port, { answerPings: false })));

/** Growth of the server's memory for each connection. */
const cost = async (adapter: string, { connections, options, load }: Scenario): Promise<number> => {
  const server = new Server(adapter, { ...PATIENCE, ...options });
  const port = await server.number();
  // What is allocated once, and code that is compiled once.
  for (const wire of await open(port, 20)) {
    await wire.authenticate();
    wire.destroy();
  }
  const before = await server.measure();
  const wires: Wire[] = [];
  while (wires.length < connections) wires.push(...(await open(port, Math.min(100, connections - wires.length))));
  for (const wire of wires) await load(wire);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = await server.measure();
  const left = wires.filter((wire) => wire.isOpen).length;
  for (const wire of wires) wire.destroy();
  server.end();
  if (left < connections) console.log(`  ${connections - left} of ${connections} were closed`);
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
