import assert from "node:assert/strict";
import type { Wire } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import { percentile } from "../percentile.js";
import type { Lab, Setting } from "../program/lab.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const MAX_BACKPRESSURE = 512 * KiB;

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
    title: "A peer that does not read, 1 KiB x 20,000: each `slowConsumer`; memory is bounded, what was taken arrives",
    pace: "busy",
    run: async (arena) => {
      const limit = MAX_BACKPRESSURE + 64 * MiB;
      for (const policy of ["disconnect", "drop"] as const) {
        const server = await arena.serve({ maxBackpressure: MAX_BACKPRESSURE, slowConsumer: policy });
        const wire = await server.authenticated();
        wire.pause();
        let taken: number[] = [];
        const grown = await server.growth(async () => {
          taken = await server.run(flood, 20_000);
        });
        assert.ok(taken.length > 100 && taken.length < 20_000, `${taken.length} were taken`);
        assert.ok(grown < limit, `grew by ${grown}`);
        assert.deepEqual(await server.errors(), ["SLOW_CONSUMER"]);
        wire.resume();
        assert.deepEqual(await numbers(wire, taken.length), taken);
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
      const taken = await server.run(flood, 20_000);
      assert.deepEqual(await server.run((lab) => lab.kept.get("told")), { count: 20_000 - taken.length });
      wire.resume();
      assert.deepEqual(await numbers(wire, taken.length), taken);
    },
  },
  {
    number: 56,
    title: "100 of 1,000 do not read of what is broadcast: the other 900 get all, in order, in time",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve({ maxBackpressure: 64 * KiB });
      const wires = await server.many(1000, () => server.authenticated());
      const [slow, quick] = [wires.slice(0, 100), wires.slice(100)];
      const chunk = "x".repeat(KiB);
      const rounds = async (count: number): Promise<number[]> => {
        const took: number[] = [];
        for (let i = 0; i < count; i++) {
          const start = performance.now();
          await server.run((lab, args: unknown[]) => lab.server.broadcast("news", args), [i, chunk]);
          const got = await Promise.all(quick.map((wire) => wire.next(20_000)));
          assert.ok(got.every((message) => message[3] === i));
          took.push(performance.now() - start);
        }
        return took;
      };
      await rounds(3);
      const before = percentile(await rounds(20), 0.9);
      for (const wire of slow) wire.pause();
      const after = percentile(await rounds(40), 0.9);
      assert.ok(after < Math.max(2 * before, before + 150), `${before} ms before, ${after} ms`);
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
