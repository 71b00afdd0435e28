import { setTimeout as sleep } from "node:timers/promises";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import { freePort, until, within } from "@ezez-ws/conformance";
import { WebSocket } from "ws";
import type { AdapterName } from "../adapters.js";
import { type Check, check, inMiB } from "../check.js";
import type { PeerEvents, ServerEvents } from "../served/events.js";
import type { Levels } from "../served/meters.js";
import { ServerProcess } from "../server-process.js";

// Long enough for the clients' delays to have grown: by then a second has about 10 % of the attempts.
const DOWN_MS = 12_000;
const BACK_MS = 30_000;
const CONNECT_MS = 60_000;
/** Of the attempts that succeed: in the first second of the server, and in any other. */
const MOST_IN_THE_FIRST = 0.3;
const MOST_IN_A_SECOND = 0.15;
const MOST_MEMORY = 1.3;

/** A server is killed, and starts again a while later; all of its clients come back, and not all at once. */
export const checkReconnect = async (adapter: AdapterName, count: number): Promise<readonly Check[]> => {
  const port = await freePort();
  let server = await ServerProcess.start(adapter, "storm", port);
  const accepted = new Set<number>();
  const attempts = new Map<number, number>();
  const clients = Array.from(
    { length: count },
    (_, number) =>
      new EZEZWebSocketClient<ServerEvents, PeerEvents>(
        `ws://127.0.0.1:${port}`,
        undefined,
        {
          WSConstructor: class extends WebSocket {
            constructor(url: string | URL, protocols?: string | string[]) {
              attempts.set(number, performance.now());
              super(url, protocols);
            }
          },
        },
        { onAuthOk: () => void accepted.add(number) },
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
    server.kill();
    await within(server.ended, "the end of the process", CONNECT_MS);
    await sleep(DOWN_MS);
    server = await ServerProcess.start(adapter, "storm", port);
    const start = performance.now();
    const back = await allAccepted("all are back", BACK_MS);
    const seconds = (performance.now() - start) / 1000;
    const after = await readLevels(server);

    const times = [...attempts.values()].map((at) => (at - start) / 1000).sort((a, b) => a - b);
    const first = times.filter((time) => time < 1).length / count;
    const most = mostInASecond(times.filter((time) => time >= 1)) / count;
    const memory = after.rssBytes / before.rssBytes;
    return [
      check(`${count} clients connect`, connected && before.connections === count, before.connections),
      check(
        `after a restart all are back within ${BACK_MS / 1000} s`,
        back && after.connections === count,
        `${after.connections} after ${seconds.toFixed(1)} s`,
      ),
      check(
        `in the first second no more than ${MOST_IN_THE_FIRST * 100} % of all come back`,
        first <= MOST_IN_THE_FIRST,
        `${(first * 100).toFixed(1)} %`,
      ),
      check(
        `after the first second no other has more than ${MOST_IN_A_SECOND * 100} % of the attempts that succeed`,
        most <= MOST_IN_A_SECOND,
        `at most ${(most * 100).toFixed(1)} %; by second: ${histogram(times).join(", ")}`,
      ),
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

/** The most within any second, wherever it begins. */
const mostInASecond = (times: readonly number[]): number => {
  let most = 0;
  let first = 0;
  for (const [last, time] of times.entries()) {
    while (time - (times[first] ?? time) >= 1) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
};

/** How many in each second. */
const histogram = (times: readonly number[]): number[] => {
  const seconds: number[] = [];
  for (const time of times) {
    const second = Math.max(0, Math.floor(time));
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  return Array.from(seconds, (number) => number ?? 0);
};
