import assert from "node:assert/strict";
import { MARGIN_MS } from "../arena.js";
import type { Case } from "../case.js";
import type { Lab } from "../program/lab.js";
import { Relay } from "../relay.js";

const ask = (lab: Lab): number => {
  for (let i = 0; i < 10; i++) lab.client.send("question", [], () => lab.kept.set("answered", true));
  return lab.client.awaitingRepliesCount;
};

export const loss: readonly Case[] = [
  {
    number: 60,
    title:
      "The network swallows everything after auth: the server notices within three heartbeats, and nothing waits for replies",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve({ heartbeatIntervalMs: 3000 });
      const relay = await Relay.start(server.port);
      try {
        const wire = await server.authenticated({}, relay.port);
        assert.equal(await server.echo(wire, 1), 1);
        assert.equal(await server.run(ask), 10);
        relay.blackHole();
        const start = performance.now();
        await server.called("onDisconnect");
        const took = performance.now() - start;
        assert.ok(took > 2900 && took < 9000 + MARGIN_MS, `after ${took} ms`);
        assert.deepEqual(await server.disconnects(), [[1006, ""]]);
        const error = arena.capability("heartbeat") === "core" ? "HEARTBEAT_LOST" : "TRANSPORT_ERROR";
        assert.deepEqual(await server.errors(), [error]);
        assert.equal(await server.run((lab) => lab.kept.get("answered") ?? false), false);
        assert.equal(wire.isOpen, true);
      } finally {
        relay.stop();
      }
    },
  },
  {
    number: 61,
    title: "A peer is stopped, killed, resets TCP, or ends it without a close frame: `onDisconnect` once, with 1006",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve({ heartbeatIntervalMs: 2000 });
      const [reset, ended, cut] = [
        await server.authenticated(),
        await server.authenticated(),
        await server.authenticated(),
      ];
      reset.reset();
      ended.endTcp();
      // In the middle of a frame.
      cut.write(Buffer.from([0x82, 0xfe, 0x10]));
      cut.destroy();
      await server.called("onDisconnect", 3);
      const clients = await Promise.all([arena.client(), arena.client()]);
      for (const client of clients) {
        await client.run((lab, url: string) => void lab.connect(url), `ws://127.0.0.1:${server.port}/`);
      }
      await server.called("onAuthOk", 5);
      clients[0]?.signal("SIGSTOP");
      clients[1]?.signal("SIGKILL");
      await server.called("onDisconnect", 5, 15_000);
      clients[0]?.signal("SIGKILL");
      assert.deepEqual(await server.disconnects(), Array(5).fill([1006, ""]));
      assert.equal(arena.capability("heartbeat") === "core" || (await server.errors()).length > 0, true);
    },
  },
  {
    number: 62,
    title: "A peer never answers the close frame: `onDisconnect` at once, and the socket is given up in time",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve();
      const wire = await server.authenticated({ finishesClosing: false });
      await server.run((lab) => lab.client.disconnect(4000, "enough"));
      await server.called("onDisconnect");
      assert.deepEqual(await wire.closing(), { code: 4000, reason: "enough" });
      await wire.gone(arena.capability("freesClosedSocketMs") + MARGIN_MS);
      assert.deepEqual(await server.disconnects(), [[4000, "enough"]]);
    },
  },
];
