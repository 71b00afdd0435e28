import assert from "node:assert/strict";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

const HOW = [
  "throws",
  "rejects",
  "throws null",
  "throws an object with a getter that throws",
  "never settles",
] as const;

/** Every callback fails, in one way. */
const failing = (_lab: Lab, how: string): Setting => {
  const hostile = {
    get message(): string {
      throw new Error("not even this");
    },
  };
  const fail = (): Promise<never> => {
    if (how === "throws") throw new Error("a fault of the application");
    if (how === "throws null") throw null;
    if (how === "rejects") return Promise.reject(new Error("a fault of the application"));
    if (how === "never settles") return new Promise(() => undefined);
    throw hostile;
  };
  return {
    options: { authDecisionTimeoutMs: 1000, maxBackpressure: 2 ** 26 },
    callbacks: {
      onUpgrade: ({ url }) => (url === "/?fail" ? fail() : true),
      onAuthRequest: (_client, key) => (key === "fail" ? fail() : key !== "wrong"),
      onAuthRejected: fail,
      onAuthOk: (client) => {
        client.on("listen", fail);
        client.send("question", [], fail);
        return fail();
      },
      onMessage: fail,
      onDisconnect: fail,
      onDrain: fail,
      onError: fail,
    },
  };
};

export const failures: readonly Case[] = [
  {
    number: 75,
    title:
      "Every callback throws, rejects, throws what cannot be printed, or never settles, `onError` too; clients leave in a broadcast",
    run: async (arena) => {
      for (const how of HOW) {
        const server = await arena.serve(failing, how);
        const settles = how !== "never settles";
        if (settles) assert.equal((await server.upgradeAnswer({ path: "/?fail" })).status, 500);
        const failed = await server.open();
        failed.auth("fail");
        const rejected = await server.open();
        rejected.auth("wrong");
        assert.equal((await rejected.closed()).code, 4401);
        assert.equal((await failed.closed()).code, settles ? 4401 : 1013);
        const wire = await server.open();
        wire.auth();
        // Whatever the hook does, the client is told first.
        const seen = [await wire.next(), await wire.next()];
        const question = seen.find(([eventName]) => eventName === "question");
        wire.reply(question?.[1], "answer");
        wire.event("listen");
        // More than the kernel takes of a peer that does not read, so that it drains.
        wire.pause();
        const large = 12;
        await server.run(async (lab, count: number) => {
          const client = [...lab.open.values()].find(({ authenticated }) => authenticated);
          for (let i = 0; i < count; i++) {
            client?.send("large", [new Uint8Array(1024 * 1024)]);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }, large);
        wire.resume();
        for (let i = 0; i < large; i++) assert.equal((await wire.next(15_000))[0], "large");
        await server.called("onDrain");
        assert.equal(await server.echo(wire, how), how);
        wire.close(1000);
        assert.equal((await wire.closed()).code, 1000);
        await server.called("onDisconnect", 3);
        // Of each kind one, and of the messages three: the last of them is the echo.
        const all = await server.run((lab) =>
          lab
            .given("onError")
            .map(([error]) => (error as { stage: string }).stage)
            .sort(),
        );
        // The kernel may have taken all between two of the large ones.
        const stages = all.filter((stage, at) => stage !== "onDrain" || all.indexOf(stage) === at);
        const expected = [
          "listener",
          ...Array(3).fill("onDisconnect"),
          ...Array(settles ? 1 : 0).fill("onAuthRequest"),
          "onAuthOk",
          ...Array(settles ? 2 : 1).fill("onAuthRejected"),
          "onDrain",
          ...Array(3).fill("onMessage"),
          "onReply",
          ...Array(settles ? 1 : 0).fill("onUpgrade"),
        ];
        if (settles) assert.deepEqual(stages, expected.sort());
        else assert.deepEqual(stages, ["peer"]);
      }
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          callbacks: {
            // What one client's end leads to ends others, and sends to those that end.
            onDisconnect: () => {
              lab.server.broadcast("gone");
              lab.server.clients[0]?.disconnect(4000);
            },
          },
        }),
      );
      const wires = await server.many(50, () => server.authenticated());
      await server.run((lab) => {
        lab.server.broadcast("first");
        for (const client of lab.server.clients.filter(({ request }) => request.url === "/").slice(0, 10)) {
          client.disconnect(4001);
          lab.server.broadcast("next");
        }
      });
      // The canary is the first of all clients, and ends as well.
      await server.called("onDisconnect", 50);
      for (const wire of wires) assert.ok([4000, 4001].includes((await wire.closed()).code));
      await server.freshCanary();
    },
  },
];
