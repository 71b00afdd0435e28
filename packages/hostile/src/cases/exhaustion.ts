import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { encode, part, type Wire } from "@ezez-ws/conformance";
import { endedUnderFlood } from "../arena.js";
import type { Case } from "../case.js";
import { percentile } from "../percentile.js";

const KiB = 1024;
const MiB = 1024 * KiB;

/** File descriptors, in the case without any left. */
const LIMIT = 128;

const latencies = async (count: number, ask: () => Promise<unknown>): Promise<number[]> => {
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await ask();
    took.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return took;
};

export const exhaustion: readonly Case[] = [
  {
    number: 51,
    title: "Twice 2,500 sockets that never authenticate are gone after `authTimeoutMs`, and so is their memory",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve({ authTimeoutMs: 3000 });
      const attack = async (count: number): Promise<number> => {
        const before = await server.run((lab) => lab.count("onDisconnect"));
        const wires = await server.many(count, () => server.open());
        await server.called("onDisconnect", before + count, 25_000);
        const codes = await Promise.all(wires.map(async (wire) => (await wire.closed(20_000)).code));
        assert.ok(codes.every((code) => code === 4408));
        const { rss } = await server.run((lab) => {
          lab.calls.length = 0;
          return lab.memory();
        });
        return rss;
      };
      // The first ones fill the engine's caches.
      const before = await attack(2500);
      const after = await attack(2500);
      assert.ok(after < before * 1.1 + 8 * MiB, `${before} bytes, then ${after}`);
    },
  },
  {
    number: 52,
    title: "50,000 messages at once with `maxMessagesPerSecond: 1000`: 4429; another peer is answered as before",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve({ maxMessagesPerSecond: 1000 });
      const other = await server.authenticated();
      const before = percentile(await latencies(50, () => server.echo(other, 1)), 0.9);
      const wire = await server.authenticated();
      const message = encode("flood", 1, null);
      for (let i = 0; i < 50_000; i++) wire.binary(message);
      const after = percentile(await latencies(50, () => server.echo(other, 1)), 0.9);
      assert.ok(after < Math.max(2 * before, before + 100), `${before} ms before, ${after} ms`);
      assert.ok(await endedUnderFlood(wire, 4429));
      assert.deepEqual(await server.errors(), ["RATE_LIMITED"]);
      const told = await server.disconnects();
      assert.deepEqual(
        told.map(([code]) => code),
        [4429],
      );
    },
  },
  {
    number: 53,
    title: "An event id of 1 MB, a name of 300 bytes, a reserved name: 1002, and nothing of it comes back",
    run: async (arena) => {
      const server = await arena.serve();
      const messages = [
        Buffer.concat([part("f", "a"), part("j", `"n:${"9".repeat(1_000_000)}"`), part("j", '"l:"')]),
        encode("x".repeat(300), 1, null),
        encode("ezez-ws::x", 1, null),
        encode("ezez-ws::auth-ok"),
      ];
      for (const bytes of messages) {
        const wire = await server.authenticated();
        wire.binary(bytes);
        const { code, reason } = await wire.closed();
        assert.equal(code, 1002);
        assert.ok(reason.length < 124 && !reason.includes("999") && !reason.includes("xxx"));
        assert.deepEqual(wire.unread, []);
      }
      assert.deepEqual(await server.messages(), []);
    },
  },
  {
    number: 54,
    title: "No file descriptor is left: those who are connected are served, and others again once there are some",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve({}, undefined, { shell: `ulimit -n ${LIMIT}` });
      const served = await server.authenticated();
      const sockets: Socket[] = [];
      const wires: Wire[] = [];
      for (let i = 0; i < 300; i++) {
        const socket = connect({ port: server.port, host: "127.0.0.1" });
        socket.on("error", () => undefined);
        sockets.push(socket);
      }
      try {
        // All but the few that the process keeps to itself.
        await server.usesDescriptors(LIMIT - 8);
        for (let i = 0; i < 10; i++) assert.equal(await server.echo(served, i), i);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
      let last: unknown;
      const end = performance.now() + 20_000;
      while (wires.length === 0 && performance.now() < end) {
        try {
          wires.push(await server.authenticated());
        } catch (error) {
          last = error;
        }
      }
      assert.equal(wires.length, 1, String(last));
    },
  },
];
