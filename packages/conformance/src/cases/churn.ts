import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";
import type { Area } from "../area.js";
import { type Census, census, grown } from "../census.js";
import type { RunningServer } from "../lab.js";
import type { ServerCallbacks } from "../row.js";
import { until } from "../wait.js";
import { type Connect, Wire } from "../wire.js";

const ROUNDS = 10;
const CONNECTIONS = 1000;
// At a time, below the usual limit of open files.
const TOGETHER = 100;
// What an engine keeps for itself may vary by this; 9 rounds that leak 120 bytes for each connection are above it.
const NOISE_BYTES = 1024 * 1024;
// It takes 10 s or more of a core, which many others may want too.
const TIMEOUT_MS = 300_000;

/** What is on the heap and reachable. */
const heapUsed = (): number => {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  if (Bun !== undefined) Bun.gc(true);
  else {
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
  }
  return process.memoryUsage().heapUsed;
};

const answering: Partial<ServerCallbacks> = {
  onAuthOk: (client) => {
    client.on("a", (args, reply) => reply("b", args));
    // Some leave with questions that nobody has answered.
    client.send("c", [], () => undefined);
  },
};

const openTalkAndLeave = async (running: RunningServer, connect: Connect, connections: number): Promise<void> => {
  for (let opened = 0; opened < connections; opened += TOGETHER) await talkTogether(running, connect);
  await until(() => running.count("onDisconnect") === connections, "all have left");
};

const talkTogether = async ({ port }: RunningServer, connect: Connect): Promise<void> => {
  const options = { connect, headers: { "X-Churn": "1" } };
  const wires = await Promise.all(Array.from({ length: TOGETHER }, () => Wire.authenticated(port, options)));
  for (const wire of wires) wire.event("a", "hello");
  for (const wire of wires) {
    expect((await wire.next())[0]).toBe("c");
    expect((await wire.next()).slice(3)).toEqual(["hello"]);
  }
  for (const [index, wire] of wires.entries()) {
    if (index % 10 === 0) wire.reset();
    else wire.close(1000);
  }
  await Promise.all(wires.map((wire) => wire.closed()));
  for (const wire of wires) wire.destroy();
};

export const churn: Area = ({ alone, row: { capabilities, connect, emitters } }) => {
  alone(
    `${CONNECTIONS} connections that open, talk and leave, ${ROUNDS} times, leave nothing behind`,
    async (lab) => {
      const running = await lab.start(capabilities.keepsUntilPing ? { heartbeatIntervalMs: 0 } : {}, answering);
      let settled = 0;
      const counted = (): Census => census(emitters(running.server));
      const before = counted();
      const one = await running.authenticated();
      expect(grown(before, counted()), "the census sees a connection").not.toEqual({});
      one.close(1000);
      await running.called("onDisconnect");
      running.calls.length = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        await openTalkAndLeave(running, connect, CONNECTIONS);
        expect(running.server.clients).toEqual([]);
        const more = (): Census => grown(before, counted());
        await until(() => Object.keys(more()).length === 0, "nothing is left").catch(() => undefined);
        expect(more(), `more than before, after round ${round}`).toEqual({});
        // The record of the calls is ours, and holds every client.
        running.calls.length = 0;
        const used = heapUsed();
        // The first rounds fill the engine's caches.
        if (round <= 3) settled = used;
      }
      expect(heapUsed() - settled).toBeLessThan(NOISE_BYTES);
    },
    TIMEOUT_MS,
  );

  if (capabilities.keepsUntilPing) {
    alone(
      "a little of each connection that has left stays in memory until its next ping would be due",
      async (lab) => {
        const running = await lab.start({ heartbeatIntervalMs: TIMEOUT_MS }, answering);
        const usedAfter = async (rounds: number): Promise<number> => {
          for (let round = 0; round < rounds; round++) {
            await openTalkAndLeave(running, connect, CONNECTIONS);
            running.calls.length = 0;
          }
          return heapUsed();
        };
        const settled = await usedAfter(2);
        expect((await usedAfter(2)) - settled).toBeGreaterThan(NOISE_BYTES);
      },
      TIMEOUT_MS,
    );
  }
};
