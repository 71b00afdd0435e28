import { EventEmitter } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Server } from "./application.js";
import { liveTimers } from "./timers.js";

/** What a server's process holds, after a garbage collection. */
export interface Levels {
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** Open TCP sockets, as the kernel sees them; of Unix sockets a runtime keeps some for itself. */
  readonly handles: number;
  readonly timers: number;
  /** Of the process and, where they are emitters of Node's, of the server and its clients' sockets. */
  readonly listeners: number;
  readonly connections: number;
  readonly pendingReplies: number;
  /** The most that waits for one peer. */
  readonly bufferedBytes: number;
}

const { Bun: bun, gc } = globalThis as {
  readonly Bun?: { gc(force: true): void };
  /** V8's, of both Node and Deno. */
  readonly gc?: () => void;
};

const collect = async (): Promise<number> => {
  if (bun !== undefined) {
    const jsc: { heapStats(): { heapSize: number } } = await import("bun:jsc");
    bun.gc(true);
    return jsc.heapStats().heapSize;
  }
  if (gc === undefined) throw new Error("the runtime was started without --expose-gc");
  gc();
  return process.memoryUsage().heapUsed;
};

const DESCRIPTORS = "/proc/self/fd";
const UNIX_SOCKETS = "/proc/self/net/unix";

const countSockets = (): number => {
  const unix = new Set(readFileSync(UNIX_SOCKETS, "utf8").match(/\b\d+(?=( \S+)?$)/gm));
  let count = 0;
  for (const descriptor of readdirSync(DESCRIPTORS)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${DESCRIPTORS}/${descriptor}`)) ?? [];
      if (inode !== undefined && !unix.has(inode)) count++;
    } catch {
      // That which read the folder is closed by now.
    }
  }
  return count;
};

const listenersOf = (emitter: unknown): number =>
  emitter instanceof EventEmitter
    ? emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
    : 0;

export const readLevels = async (server: Server): Promise<Levels> => {
  const heapBytes = await collect();
  const { clients } = server;
  return {
    heapBytes,
    rssBytes: process.memoryUsage().rss,
    handles: countSockets(),
    timers: liveTimers(),
    listeners: [process, "wss" in server ? server.wss : undefined, ...clients.map(({ client }) => client)].reduce(
      (sum: number, emitter) => sum + listenersOf(emitter),
      0,
    ),
    connections: clients.length,
    pendingReplies: clients.reduce((sum, client) => sum + client.awaitingRepliesCount, 0),
    bufferedBytes: clients.reduce((most, client) => Math.max(most, client.bufferedAmount), 0),
  };
};
