import assert from "node:assert/strict";
import type { Wire } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import { percentile } from "../percentile.js";
import type { Client, Lab, Setting } from "../program/lab.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const MAX_BACKPRESSURE = 512 * KiB;
/** Messages of 1 KiB for one who does not read: twice as much as memory may grow by. */
const COUNT = 60_000;

/** Sends numbered messages of 1 KiB to the only client, some in each turn of the loop; gives the numbers that were taken. */
const flood = async (lab: Lab, count: number): Promise<number[]> => {
  const { client } = lab;
  const chunk = "x".repeat(1024);
  const taken: number[] = [];
  for (let i = 0; i < count && client.alive; i++) {
    if (client.send("flood", [i, chunk]) !== undefined) taken.push(i);
    if (i % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return taken;
};

/** Reads as many numbers of `flood` as there are. */
const numbers = async (wire: Wire, count: number): Promise<unknown[]> => {
  const read: unknown[] = [];
  while (read.length < count) {
    const [eventName, , , value] = await wire.next();
    if (eventName === "flood") read.push(value);
  }
  return read;
};

export const slowConsumer: readonly Case[] = [
  {
    number: 55,
    title: "A peer that does not read, 1 KiB x 60,000: each `slowConsumer`; memory is bounded, what was taken arrives",
    pace: "busy",
    run: async (arena) => {
      const limit = MAX_BACKPRESSURE + 32 * MiB;
      for (const policy of ["disconnect", "drop"] as const) {
        const server = await arena.serve({ maxBackpressure: MAX_BACKPRESSURE, slowConsumer: policy });
        const wire = await server.authenticated();
        wire.pause();
        let taken: number[] = [];
        const grown = await server.growth(async () => {
          taken = await server.run(flood, COUNT);
        });
        // At once: a peer that is being closed has the time of a closing handshake for what it is still to get.
        wire.resume();
        assert.ok(taken.length > 100 && taken.length < COUNT, `${taken.length} were taken`);
        assert.ok(grown < limit, `grew by ${grown}`);
        assert.deepEqual(await numbers(wire, taken.length), taken);
        assert.deepEqual(await server.errors(), ["SLOW_CONSUMER"]);
        if (policy === "disconnect") assert.equal((await wire.closed()).code, 1013);
        else {
          await server.called("onDrain");
          assert.equal(await server.echo(wire, "still here"), "still here");
        }
      }
      const server = await arena.serve((lab: Lab, maxBackpressure: number): Setting => {
        const told = { count: 0 };
        lab.kept.set("told", told);
        const slowConsumer = (_client: unknown, bufferedAmount: number): void => {
          if (bufferedAmount > maxBackpressure) told.count++;
        };
        return { options: { maxBackpressure, slowConsumer } };
      }, MAX_BACKPRESSURE);
      const wire = await server.authenticated();
      wire.pause();
      const taken = await server.run(flood, COUNT);
      assert.deepEqual(await server.run((lab) => lab.kept.get("told")), { count: COUNT - taken.length });
      wire.resume();
      assert.deepEqual(await numbers(wire, taken.length), taken);
    },
  },
  {
    number: 56,
    title:
      "20 of 1,000 read nothing, and what may wait for them is used up: a broadcast closes them, the other 980 get all, in order, in time",
    pace: "busy",
    run: async (arena) => {
      const maxBackpressure = 64 * KiB;
      const server = await arena.serve({ maxBackpressure });
      const slow = await server.many(20, () => server.authenticated({ path: "/?slow" }));
      const quick = await server.many(980, () => server.authenticated());
      let next = 0;
      const round = async (): Promise<number> => {
        const start = performance.now();
        await server.run(
          (lab, { number, most }: { number: number; most: number }) => {
            for (const client of (lab.kept.get("slow") as Client[] | undefined) ?? []) {
              while (client.alive && client.bufferedAmount <= most) client.send("fill", ["x".repeat(1024)]);
            }
            lab.server.broadcast("news", [number, "x".repeat(1024)]);
          },
          { number: next, most: maxBackpressure },
        );
        const got = await Promise.all(quick.map((wire) => wire.next(20_000)));
        assert.ok(got.every((message) => message[3] === next));
        next++;
        return performance.now() - start;
      };
      const rounds = async (count: number): Promise<number> => {
        const took: number[] = [];
        while (took.length < count) took.push(await round());
        return percentile(took, 0.9);
      };
      await rounds(3);
      const before = await rounds(20);
      for (const wire of slow) wire.pause();
      await server.run(async (lab) => {
        // Full of those who came.
        lab.calls.length = 0;
        const slow = [...lab.open.values()].filter(({ request }) => request.url.endsWith("slow"));
        lab.kept.set("slow", slow);
        // The kernel takes more from time to time: what waits has to wait for a while.
        for (let turns = 0; turns < 50; turns++) {
          for (const client of slow) {
            if (client.bufferedAmount > 32 * 1024) continue;
            client.send("fill", ["x".repeat(16 * 1024)]);
            turns = 0;
          }
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      });
      const after = await rounds(40);
      assert.ok(after < Math.max(2 * before, before + 150), `${before} ms before, ${after} ms`);
      assert.deepEqual(await server.errors(), Array(slow.length).fill("SLOW_CONSUMER"));
      for (const wire of slow) wire.destroy();
      await server.called("onDisconnect", slow.length);
      assert.deepEqual(new Set((await server.disconnects()).map(([code]) => code)), new Set([1013]));
    },
  },
  {
    number: 57,
    title: "A peer reads nothing for 3 s, within the limit: nothing is lost, and `onDrain` comes once",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve({ maxBackpressure: 64 * MiB });
      const wire = await server.authenticated();
      wire.pause();
      const count = 10_000;
      const taken = await server.run(flood, count);
      assert.equal(taken.length, count);
      assert.ok((await server.run((lab) => lab.client.bufferedAmount)) > 0);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      // The kernel may have taken all once or twice before its own buffers were full.
      const drained = await server.run((lab) => lab.count("onDrain"));
      wire.resume();
      assert.deepEqual(await numbers(wire, count), taken);
      await server.called("onDrain", drained + 1);
      assert.equal(await server.echo(wire, 1), 1);
      assert.deepEqual(await server.run((lab) => [lab.count("onDrain"), lab.client.bufferedAmount]), [drained + 1, 0]);
      assert.deepEqual(await server.errors(), []);
    },
  },
  {
    number: 58,
    title: "A message far larger than `maxBackpressure` into an empty buffer: sent whole, and the connection goes on",
    run: async (arena) => {
      const server = await arena.serve({ maxBackpressure: 64 * KiB });
      const wire = await server.authenticated();
      for (let i = 0; i < 3; i++) {
        const taken = await server.run(
          (lab) => lab.client.send("large", [new Uint8Array(8 * 1024 * 1024)]) !== undefined,
        );
        assert.equal(taken, true);
        assert.equal(((await wire.next(15_000))[3] as Buffer).length, 8 * MiB);
        assert.equal(await server.echo(wire, i), i);
        await server.program.until(
          (lab) => lab.client.bufferedAmount,
          (amount) => amount === 0,
          "all is written",
        );
      }
      assert.deepEqual(await server.errors(), []);
    },
  },
];
