import { setTimeout as sleep } from "node:timers/promises";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import { until } from "@ezez-ws/conformance";
import type { AdapterName } from "../adapters.js";
import { type Check, check, inMiB } from "../check.js";
import { freePort } from "../free-port.js";
import type { PeerEvents, ServerEvents } from "../served/events.js";
import type { Levels } from "../served/meters.js";
import { ServerProcess } from "../server-process.js";

const DOWN_MS = 3000;
const BACK_MS = 30_000;
const CONNECT_MS = 60_000;
const MOST_IN_A_SECOND = 0.5;
const MOST_MEMORY = 1.3;

/** A server goes away for a while; all of its clients come back, and not all at once. */
export const checkReconnect = async (adapter: AdapterName, count: number): Promise<readonly Check[]> => {
  const port = await freePort();
  let server = await ServerProcess.start(adapter, "storm", port);
  const accepted = new Map<number, number>();
  const clients = Array.from(
    { length: count },
    (_, number) =>
      new EZEZWebSocketClient<ServerEvents, PeerEvents>(
        `ws://127.0.0.1:${port}`,
        undefined,
        {},
        { onAuthOk: () => void accepted.set(number, performance.now()) },
      ),
  );
  const allAccepted = (what: string, milliseconds: number): Promise<boolean> =>
    until(() => accepted.size === count, what, milliseconds).then(
      () => true,
      () => false,
    );
  try {
    const connected = await allAccepted("all are connected", CONNECT_MS);
    const before = await readLevels(server);
    accepted.clear();
    await server.close();
    await sleep(DOWN_MS);
    server = await ServerProcess.start(adapter, "storm", port);
    const start = performance.now();
    const back = await allAccepted("all are back", BACK_MS);
    const after = await readLevels(server);

    const seconds = histogram([...accepted.values()].map((at) => at - start));
    const most = Math.max(...seconds) / count;
    const memory = after.rssBytes / before.rssBytes;
    return [
      check(`${count} clients connect`, connected && before.connections === count, before.connections),
      check(
        `after a restart all are back within ${BACK_MS / 1000} s`,
        back && after.connections === count,
        `${after.connections} after ${seconds.length} s`,
      ),
      check("no second has more than half of them", most <= MOST_IN_A_SECOND, `by second: ${seconds.join(", ")}`),
      check(
        `resident memory is at most ${MOST_MEMORY} times what it was`,
        memory <= MOST_MEMORY,
        `${inMiB(before.rssBytes)}, then ${inMiB(after.rssBytes)}`,
      ),
    ];
  } finally {
    for (const client of clients) client.close();
    server.kill();
  }
};

const readLevels = async (server: ServerProcess): Promise<Levels> => {
  const { levels } = await server.ask<{ levels: Levels }>("sample");
  return levels;
};

/** How many in each second. */
const histogram = (milliseconds: readonly number[]): number[] => {
  const seconds: number[] = [];
  for (const one of milliseconds) {
    const second = Math.max(0, Math.floor(one / 1000));
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  return Array.from(seconds, (number) => number ?? 0);
};
