import assert from "node:assert/strict";
import { encode, part } from "@ezez-ws/conformance";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

/** Counts what came to `onReply` and to a listener of the event `answer`. */
const counting = (lab: Lab): Setting => {
  const counts = { onReply: 0, listener: 0 };
  lab.kept.set("counts", counts);
  lab.kept.set("onReply", () => counts.onReply++);
  return {
    callbacks: { onAuthOk: (client) => void client.on("answer", () => counts.listener++) },
  };
};

/** The longest that the loop may be kept, in CPU milliseconds. */
const BLOCK_MS = 200;
/** Where others get no turn beside a peer that never stops sending: no longer than all the answers take. */
const UNSHARED_BLOCK_MS = 3000;

const counts = (lab: Lab): unknown => lab.kept.get("counts");

/** Asks the only client; gives the question's id. */
const ask = (lab: Lab): number => {
  const onReply = lab.kept.get("onReply") as () => void;
  return lab.client.send("question", [], () => onReply())?.eventId ?? 0;
};

export const replies: readonly Case[] = [
  {
    number: 45,
    title: "A reply to an id that is unknown or was answered: to `onMessage` and the listeners, never to an `onReply`",
    run: async (arena) => {
      const server = await arena.serve(counting);
      const wire = await server.authenticated();
      const question = await server.run(ask);
      wire.reply(question, "answer");
      wire.reply(question, "answer");
      wire.reply(question + 1, "answer");
      wire.reply(2 ** 48, "answer");
      await server.called("onMessage", 4);
      assert.deepEqual(await server.run(counts), { onReply: 1, listener: 3 });
    },
  },
  {
    number: 46,
    title: "Guessed ids run no callback; a `replyTo` that is no id closes with 1002",
    run: async (arena) => {
      const server = await arena.serve(counting);
      const wire = await server.authenticated();
      const question = await server.run(ask);
      for (let id = 1; id <= 200; id++) wire.reply(question + id, "answer");
      await server.called("onMessage", 200);
      assert.deepEqual(await server.run(counts), { onReply: 0, listener: 200 });
      const raw = (replyTo: string): Buffer =>
        Buffer.concat([part("f", "answer"), part("j", '"n:1"'), part("j", replyTo)]);
      const wrong = [
        ...["1", -1, 2 ** 53, 0, 1.5, Number.NaN, {}, [], true, 1n].map((replyTo) => encode("answer", 1, replyTo)),
        ...['"n:-0"', '"n:1e400"', '"n:0x1"', '"u:"'].map(raw),
      ];
      for (const bytes of wrong) {
        const hostile = await server.authenticated();
        hostile.binary(bytes);
        assert.equal((await hostile.closed()).code, 1002, bytes.toString());
      }
      assert.deepEqual(await server.run(counts), { onReply: 0, listener: 200 });
    },
  },
  {
    number: 47,
    title:
      "One more question than `maxAwaitingReplies` throws at the caller; 100,000 answers in reverse order block no loop",
    pace: "busy",
    run: async (arena) => {
      const count = 100_000;
      const server = await arena.serve((lab: Lab, maxAwaitingReplies: number): Setting => {
        const answers = { count: 0, wrong: 0 };
        lab.kept.set("answers", answers);
        return { options: { maxAwaitingReplies, maxBackpressure: 2 ** 28 } };
      }, count);
      const sharesLoop = arena.capability("sharesLoop");
      if (!sharesLoop) server.canaryMayWaitMs = UNSHARED_BLOCK_MS;
      const wire = await server.authenticated();
      // In portions: the case asks what answers cost, not what questions do.
      let first = 0;
      for (let asked = 0; asked < count; asked += 1000) {
        const id = await server.run((lab, from: number) => {
          const answers = lab.kept.get("answers") as { count: number; wrong: number };
          let id = 0;
          for (let i = from; i < from + 1000; i++) {
            id =
              lab.client.send("question", [], (_client, _name, [index]) => {
                answers.count++;
                if (index !== i) answers.wrong++;
              })?.eventId ?? 0;
          }
          return id;
        }, asked);
        if (asked === 0) first = id - 999;
      }
      const thrown = await server.run((lab) => {
        try {
          lab.client.send("question", [], () => undefined);
          return "nothing";
        } catch (error) {
          return (error as { code: string }).code;
        }
      });
      assert.equal(thrown, "TOO_MANY_AWAITING_REPLIES");
      const longest = server.run(
        async (lab, count: number) =>
          lab.longestBlock(async () => {
            const answers = lab.kept.get("answers") as { count: number };
            while (answers.count < count) await new Promise((resolve) => setTimeout(resolve, 5));
          }),
        count,
      );
      // Where the case fails before it asks.
      longest.catch(() => undefined);
      for (let i = count - 1; i >= 0; i--) {
        wire.reply(first + i, "answer", i);
        if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // With a collection of what a hundred thousand answers leave among it.
      assert.ok((await longest) < (sharesLoop ? BLOCK_MS : UNSHARED_BLOCK_MS), `${await longest} ms`);
      assert.deepEqual(await server.run((lab) => lab.kept.get("answers")), { count, wrong: 0 });
    },
  },
  {
    number: 48,
    title:
      "A question, then the end of the connection: nothing waits, `onReply` is never called; late and in time never both",
    run: async (arena) => {
      const server = await arena.serve((lab: Lab): Setting => {
        const counts = { onReply: 0, listener: 0 };
        lab.kept.set("counts", counts);
        lab.kept.set("onReply", () => counts.onReply++);
        return {
          options: { clearAwaitingRepliesAfterMs: 150 },
          callbacks: { onAuthOk: (client) => void client.on("answer", () => counts.listener++) },
        };
      });
      const leaving = await server.authenticated();
      await server.run((lab) => {
        const onReply = lab.kept.get("onReply") as () => void;
        lab.kept.set("client", lab.client);
        for (let i = 0; i < 10; i++) lab.client.send("question", [], () => onReply());
      });
      leaving.reset();
      await server.called("onDisconnect");
      const left = await server.run((lab) => (lab.kept.get("client") as Lab["client"]).awaitingRepliesCount);
      assert.equal(left, 0);
      const wire = await server.authenticated();
      // Answers around the moment at which the question is forgotten.
      for (let i = 0; i < 10; i++) {
        const question = await server.run(ask);
        await server.run((_lab, ms: number) => new Promise((resolve) => setTimeout(resolve, ms)), 130 + i * 4);
        wire.reply(question, "answer");
        await server.called("onMessage", i + 1);
      }
      const { onReply, listener } = (await server.run(counts)) as { onReply: number; listener: number };
      assert.equal(onReply + listener, 10);
    },
  },
  {
    number: 49,
    title: "Answers to questions of an earlier connection run no `onReply` of the next, in 1,000 tries",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve(counting);
      let answered = 0;
      for (let round = 0; round < 20; round++) {
        const first = await server.authenticated();
        const old = await server.run((lab) => {
          const onReply = lab.kept.get("onReply") as () => void;
          return Array.from({ length: 50 }, () => lab.client.send("question", [], () => onReply())?.eventId ?? 0);
        });
        first.reset();
        await server.called("onDisconnect", 2 * round + 1);
        const second = await server.authenticated();
        await server.run((lab) => {
          const onReply = lab.kept.get("onReply") as () => void;
          for (let i = 0; i < 50; i++) lab.client.send("question", [], () => onReply());
        });
        for (const id of old) second.reply(id, "answer");
        answered += old.length;
        await server.called("onMessage", answered);
        second.reset();
        await server.called("onDisconnect", 2 * round + 2);
      }
      assert.deepEqual(await server.run(counts), { onReply: 0, listener: 1000 });
    },
  },
  {
    number: 50,
    title: "`reply` twice, after the close, and in a handler that then throws",
    run: async (arena) => {
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          callbacks: {
            onAuthOk: (client) => {
              client.on("twice", (_args, reply) => {
                reply("first");
                reply("second");
              });
              client.on("throw", (_args, reply) => {
                reply("sent");
                throw new Error("a fault of the application");
              });
              client.on("later", (_args, reply) => {
                lab.kept.set("reply", reply);
              });
            },
          },
        }),
      );
      const wire = await server.authenticated();
      const twice = wire.event("twice");
      for (const name of ["first", "second"]) {
        const [eventName, , replyTo] = await wire.next();
        assert.deepEqual([eventName, replyTo], [name, twice]);
      }
      wire.event("throw");
      assert.equal((await wire.next())[0], "sent");
      wire.event("later");
      await server.called("onMessage", 3);
      wire.close(1000);
      await server.called("onDisconnect");
      const late = await server.run((lab) => String((lab.kept.get("reply") as (name: string) => unknown)("late")));
      assert.equal(late, "undefined");
      assert.deepEqual(await server.errors(), ["CALLBACK_FAILED"]);
    },
  },
];
