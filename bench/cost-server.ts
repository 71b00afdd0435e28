/**
 * The server whose memory bench/cost.ts measures, in a process and a runtime of its own: `cost-server.ts ADAPTER OPTIONS`.
 * It prints its port, then its memory for each line of its input, and ends with its input.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import type { Callbacks, CommonOptions } from "@ezez-ws/core";

type Events = { fill: []; ask: []; bytes: [Uint8Array] };

const [adapter, json = "{}"] = process.argv.slice(2);
const options: CommonOptions = JSON.parse(json);
const where = { port: 0, host: "127.0.0.1" };
const MESSAGE = new Uint8Array(64 * 1024);

const callbacks: Callbacks<Events> = {
  // A key that never gets its answer leaves the client where it is.
  onAuthRequest: (_client, key) => key === "key" || new Promise<boolean>(() => undefined),
  onAuthOk: (client) => {
    client.on("fill", () => {
      // The buffer's, and not the kernel's: how much that takes nobody knows before.
      while (client.bufferedAmount <= (options.maxBackpressure ?? 0)) client.send("bytes", [MESSAGE]);
    });
    client.on("ask", () => {
      while (client.awaitingRepliesCount < (options.maxAwaitingReplies ?? 0)) client.send("ask", [], () => undefined);
    });
  },
  onError: () => undefined,
};

const createServer = async () => {
  switch (adapter) {
    case "ws":
      return new (await import("@ezez-ws/adapter-ws")).EZEZWebsocketServer<Events>({ ...where, ...options }, callbacks);
    case "uws":
      return new (await import("@ezez-ws/adapter-uws")).EZEZWebsocketServer<Events>(
        { ...where, ...options },
        callbacks,
      );
    case "bun":
      return new (await import("@ezez-ws/adapter-bun")).EZEZWebsocketServer<Events>(
        { ...where, ...options },
        callbacks,
      );
    case "deno":
      return new (await import("@ezez-ws/adapter-deno")).EZEZWebsocketServer<Events>(
        { ...where, ...options },
        callbacks,
      );
    default:
      throw new Error(`There is no adapter "${adapter}"`);
  }
};

const runtime = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
const collect = (): void => (runtime.Bun === undefined ? runtime.gc?.() : runtime.Bun.gc(true));

const server = await createServer();
await server.start();
console.log(server.address()?.port);
for await (const _line of createInterface({ input: process.stdin })) {
  // What finalizers free, the second finds.
  collect();
  await new Promise((resolve) => setTimeout(resolve, 200));
  collect();
  console.log(process.memoryUsage().rss);
}
process.exit(0);
