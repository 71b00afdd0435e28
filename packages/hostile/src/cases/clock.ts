import assert from "node:assert/strict";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

const HOUR_MS = 3_600_000;

export const clock: readonly Case[] = [
  {
    number: 73,
    title: "The wall clock is set an hour on and two hours back: no timeout comes early or late, no reply is forgotten",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve((lab: Lab): Setting => {
        const now = (name: string): void => void lab.kept.set(name, performance.now());
        return {
          options: {
            authTimeoutMs: 4000,
            heartbeatIntervalMs: 2000,
            clearAwaitingRepliesAfterMs: 60_000,
            maxMessagesPerSecond: 200,
          },
          callbacks: {
            onUpgrade: () => {
              now("start");
              return true;
            },
            onAuthRejected: () => now("end"),
          },
        };
      });
      const wire = await server.authenticated();
      let messages = 0;
      for (const skew of [HOUR_MS, -2 * HOUR_MS]) {
        await server.run((lab) => {
          const [client] = lab.open.values();
          client?.send("question", [], () => lab.kept.set("answered", (Number(lab.kept.get("answered")) || 0) + 1));
        });
        const [, question] = await wire.next();
        const silent = await server.open();
        await server.run((lab, skew: number) => lab.skewClock(skew), skew);
        assert.equal((await silent.closed()).code, 4408);
        const took = await server.run((lab) => Number(lab.kept.get("end")) - Number(lab.kept.get("start")));
        assert.ok(took > 3900 && took < 6000, `after ${took} ms`);
        for (let i = 0; i < 100; i++) wire.event("often");
        wire.reply(question, "answer");
        messages += 101;
        await server.called("onMessage", messages);
        assert.equal(wire.isOpen, true);
      }
      assert.equal(await server.run((lab) => lab.kept.get("answered")), 2);
      assert.deepEqual(await server.errors(), []);
    },
  },
  {
    number: 74,
    title: "The loop is blocked for 1.5 heartbeats, then the machine sleeps for four: nobody is taken for lost",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve({ heartbeatIntervalMs: 3000 });
      const wires = await server.many(50, () => server.authenticated());
      await server.run((lab) => lab.block(4500));
      for (const wire of wires) assert.equal(await server.echo(wire, 1), 1);
      server.program.signal("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      server.program.signal("SIGCONT");
      for (const wire of wires) assert.equal(await server.echo(wire, 2), 2);
      // Two more beats, at which those who have answered are known.
      await new Promise((resolve) => setTimeout(resolve, 6500));
      for (const wire of wires) assert.equal(await server.echo(wire, 3), 3);
      assert.deepEqual(await server.errors(), []);
      // Its own wait was the case's doing.
      await server.freshCanary();
    },
  },
];
