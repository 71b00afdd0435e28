import assert from "node:assert/strict";
import { authRejectedBytes, encode, until } from "@ezez-ws/conformance";
import { endedUnderFlood, MARGIN_MS, type Target } from "../arena.js";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sends the auth message with these parts behind its name; gives the bytes of the answer and the close code. */
const rejection = async (server: Target, ...parts: unknown[]): Promise<{ bytes: Buffer; code: number }> => {
  const wire = await server.open();
  wire.binary(encode("ezez-ws::auth", ...parts));
  return { bytes: await wire.bytes(), code: (await wire.closed()).code };
};

/** The key says what becomes of it. */
const byKey = (): Setting => ({
  callbacks: {
    onAuthRequest: (_client, key) => {
      const [what = "", milliseconds] = key.split(" ");
      const later = <T>(value: T): Promise<T> =>
        new Promise((resolve) => setTimeout(() => resolve(value), Number(milliseconds)));
      switch (what) {
        case "bad":
          return false;
        case "throw":
          throw new Error("the database is down");
        case "reject":
          return Promise.reject(new Error("the database is down"));
        case "slow":
          return later(true);
        case "never":
          return new Promise<boolean>(() => undefined);
        case "truthy":
          return ({ 1: 1, yes: "yes", object: {} } as Record<string, unknown>)[milliseconds ?? ""] as boolean;
        default:
          return true;
      }
    },
  },
});

const retrying = (): Setting => ({
  options: { authErrors: "retry" },
  callbacks: { onAuthRequest: () => Promise.reject(new Error("the database is down")) },
});

export const auth: readonly Case[] = [
  {
    number: 31,
    title: 'No auth message: auth-rejected "Auth timeout", then 4408, in time',
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve((lab: Lab): Setting => {
        const now = (name: string): void => void lab.kept.set(name, performance.now());
        return {
          options: { authTimeoutMs: 2000 },
          callbacks: {
            onUpgrade: () => {
              now("start");
              return true;
            },
            onAuthRejected: () => now("end"),
          },
        };
      });
      const wire = await server.open();
      wire.event("not auth");
      assert.deepEqual(await wire.bytes(10_000), authRejectedBytes("Auth timeout"));
      assert.equal((await wire.closed()).code, 4408);
      const took = await server.run((lab) => Number(lab.kept.get("end")) - Number(lab.kept.get("start")));
      assert.ok(took > 1900 && took < 3500, `after ${took} ms`);
      assert.deepEqual(await server.run((lab) => lab.given("onAuthRejected")), [["Auth timeout"]]);
    },
  },
  {
    number: 32,
    title: 'Messages before auth: dropped without a word, or with "queue" delivered once, after `onAuthOk`, in order',
    run: async (arena) => {
      for (const messagesBeforeAuth of ["ignore", "queue"] as const) {
        const server = await arena.serve({ messagesBeforeAuth });
        const wire = await server.open();
        for (let i = 0; i < 10; i++) wire.event("early", i);
        await wire.authenticate();
        assert.equal(await server.echo(wire, "late"), "late");
        const early = Array.from({ length: 10 }, (_, i) => ["early", i]);
        const expected = messagesBeforeAuth === "queue" ? early : [];
        assert.deepEqual(await server.messages(), [...expected, ["echo", "late"]]);
        const names = await server.run((lab) => lab.calls.map(({ name }) => name));
        assert.equal(names.indexOf("onMessage") > names.indexOf("onAuthOk"), true);
      }
    },
  },
  {
    number: 33,
    title:
      "Two auth messages back to back, a slow good one and a fast bad one, in either order: asked once, 1002, never accepted",
    run: async (arena) => {
      for (const [first, second] of [
        ["slow 300", "bad"],
        ["slow 300", "slow 0"],
      ]) {
        const server = await arena.serve(byKey);
        const wire = await server.open();
        wire.auth(first);
        wire.auth(second);
        assert.equal((await wire.closed()).code, 1002);
        // Another peer's slow decision ends behind that of the first.
        const later = await server.open();
        await later.authenticate("slow 400");
        const counts = await server.run((lab) => [lab.count("onAuthRequest"), lab.count("onAuthOk")]);
        assert.deepEqual(counts, [2, 1]);
      }
      const server = await arena.serve(byKey);
      const wire = await server.open();
      wire.auth("bad");
      wire.auth("slow 300");
      assert.deepEqual(await wire.bytes(), authRejectedBytes("Invalid auth key"));
      assert.equal((await wire.closed()).code, 4401);
      assert.equal(await server.run((lab) => lab.count("onAuthOk")), 0);
    },
  },
  {
    number: 34,
    title: "Auth again after auth-ok: 1002, and no second `onAuthOk`",
    run: async (arena) => {
      const server = await arena.serve();
      const wire = await server.authenticated();
      wire.auth();
      assert.equal((await wire.closed()).code, 1002);
      await server.called("onDisconnect");
      assert.deepEqual(await server.errors(), ["DUPLICATE_AUTH"]);
      assert.deepEqual(await server.run((lab) => [lab.count("onAuthRequest"), lab.count("onAuthOk")]), [1, 1]);
    },
  },
  {
    number: 35,
    title: "1,000 guesses behind a rejected key, from a peer that ignores the close: asked once, the socket is gone",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve();
      const wire = await server.open({ finishesClosing: false });
      wire.auth("wrong");
      for (let i = 0; i < 1000; i++) wire.auth(`guess ${i}`);
      assert.ok(await endedUnderFlood(wire, 4401));
      await wire.gone(arena.surroundings.facts.freesClosedSocketMs + MARGIN_MS);
      assert.deepEqual(
        await server.run((lab) => [lab.count("onAuthRequest"), lab.count("onAuthOk"), lab.count("onMessage")]),
        [1, 0, 0],
      );
    },
  },
  {
    number: 36,
    title: "Wrong versions, also those that cannot be printed: auth-rejected with the exact text, 4401",
    run: async (arena) => {
      const server = await arena.serve();
      const versions: [given: unknown[], printed: string][] = [
        [[2], "2"],
        [["1"], "1"],
        [[1n], "1"],
        [[null], "null"],
        [[], "undefined"],
      ];
      for (const [given, printed] of versions) {
        const { bytes, code } = await rejection(server, "key", ...given);
        assert.deepEqual(bytes, authRejectedBytes(`Protocol version mismatch, wanted 1, got ${printed}`));
        assert.equal(code, 4401);
      }
      for (const hostile of [{ toString: 1 }, { toString: "x", valueOf: null }, [[[]]], "x".repeat(1000)]) {
        const { bytes, code } = await rejection(server, "key", hostile);
        assert.match(bytes.toString("latin1"), /ezez-ws::auth-rejected.*Protocol version mismatch, wanted 1, got /s);
        assert.equal(code, 4401);
      }
      assert.equal(await server.run((lab) => lab.count("onAuthRequest")), 0);
    },
  },
  {
    number: 37,
    title: 'A key that is no string: "Invalid auth key", 4401, and `onAuthRequest` is not asked',
    run: async (arena) => {
      const server = await arena.serve();
      for (const key of [{ $ne: null }, undefined, null, Buffer.from("key"), 1, ["key"]]) {
        const { bytes, code } = await rejection(server, key, 1);
        assert.deepEqual(bytes, authRejectedBytes("Invalid auth key"));
        assert.equal(code, 4401);
      }
      assert.equal(await server.run((lab) => lab.count("onAuthRequest")), 0);
    },
  },
  {
    number: 38,
    title:
      '`onAuthRequest` throws or rejects: "Auth verification failed", 4401, one error; with "retry" 1013 and no rejection',
    run: async (arena) => {
      const server = await arena.serve(byKey);
      for (const key of ["throw", "reject"]) {
        const { bytes, code } = await rejection(server, key, 1);
        assert.deepEqual(bytes, authRejectedBytes("Auth verification failed"));
        assert.equal(code, 4401);
      }
      assert.deepEqual(await server.errors(), ["CALLBACK_FAILED", "CALLBACK_FAILED"]);
      const lenient = await arena.serve(retrying);
      const wire = await lenient.open();
      wire.auth();
      assert.equal((await wire.closed()).code, 1013);
      assert.deepEqual(wire.unread, []);
      assert.equal(await lenient.run((lab) => lab.count("onAuthRejected")), 0);
    },
  },
  {
    number: 39,
    title: "`onAuthRequest` takes too long: 1013 at `authDecisionTimeoutMs`; its late result changes nothing",
    pace: "waits",
    run: async (arena) => {
      const server = await arena.serve((): Setting => {
        let open: (accepts: boolean) => void = () => undefined;
        return {
          options: { authDecisionTimeoutMs: 500 },
          callbacks: {
            onAuthRequest: () =>
              new Promise((resolve) => {
                open = resolve;
              }),
            onDisconnect: () => setTimeout(() => open(true), 50),
          },
        };
      });
      const wire = await server.open();
      wire.auth();
      assert.equal((await wire.closed()).code, 1013);
      assert.deepEqual(wire.unread, []);
      await server.called("onDisconnect");
      await server.run(() => new Promise((resolve) => setTimeout(resolve, 100)));
      assert.equal(await server.run((lab) => lab.count("onAuthOk")), 0);
      assert.deepEqual(await server.errors(), ["AUTH_DECISION_TIMEOUT"]);
    },
  },
  {
    number: 40,
    title: "The peer leaves, politely or not, while its key is decided on: no `onAuthOk`, nothing left",
    run: async (arena) => {
      const server = await arena.serve((lab: Lab): Setting => {
        const decision = new Promise<boolean>((resolve) => lab.kept.set("decide", resolve));
        return { callbacks: { onAuthRequest: () => decision } };
      });
      const wires = await server.many(40, () => server.open());
      for (const wire of wires) wire.auth();
      await server.called("onAuthRequest", 40);
      for (const [index, wire] of wires.entries()) {
        if (index % 2 === 0) wire.reset();
        else wire.close(1000);
      }
      await server.called("onDisconnect", 40);
      await server.run((lab) => (lab.kept.get("decide") as (accepts: boolean) => void)(true));
      await server.answersOthers();
      assert.equal(await server.run((lab) => lab.count("onAuthOk")), 1);
    },
  },
  {
    number: 41,
    title: '`onAuthRequest` gives 1, "yes" or {}: only true accepts',
    run: async (arena) => {
      const server = await arena.serve(byKey);
      for (const value of ["1", "yes", "object", "nothing"]) {
        const { bytes, code } = await rejection(server, `truthy ${value}`, 1);
        assert.deepEqual(bytes, authRejectedBytes("Invalid auth key"));
        assert.equal(code, 4401);
      }
    },
  },
  {
    number: 42,
    title: "A broadcast while others wait to be authenticated: not a byte to them",
    run: async (arena) => {
      const server = await arena.serve(byKey);
      const [silent, deciding] = [await server.open(), await server.open()];
      deciding.auth("never");
      await server.called("onAuthRequest");
      const accepted = await server.open();
      await accepted.authenticate();
      await server.run((lab) => {
        for (let i = 0; i < 10; i++) lab.server.broadcast("secret", [i]);
      });
      for (let i = 0; i < 10; i++) assert.deepEqual((await accepted.next()).slice(3), [i]);
      silent.close(1000);
      deciding.close(1000);
      await Promise.all([silent.closed(), deciding.closed()]);
      assert.deepEqual([silent.unread, deciding.unread], [[], []]);
    },
  },
  {
    number: 43,
    title:
      "A flood before auth: each `queueOverflow`; 10,000 messages of 8 KiB cost no memory; too large a message is 1009",
    pace: "busy",
    run: async (arena) => {
      const limits = { messagesBeforeAuth: "queue", queueLimitBytes: 4 * KiB, maxPayloadBeforeAuth: 2 * KiB } as const;
      const chunk = "x".repeat(KiB);
      const ignoring = await arena.serve(limits);
      const quiet = await ignoring.open();
      for (let i = 0; i < 100; i++) quiet.event("early", i, chunk);
      await quiet.authenticate();
      assert.equal(await ignoring.echo(quiet, 1), 1);
      assert.deepEqual(
        (await ignoring.messages()).map(([name, i]) => [name, i]),
        [
          ["early", 0],
          ["early", 1],
          ["early", 2],
          ["echo", 1],
        ],
      );
      const disconnecting = await arena.serve({ ...limits, queueOverflow: "disconnect" });
      const loud = await disconnecting.open();
      for (let i = 0; i < 100; i++) loud.event("early", i, chunk);
      assert.ok(await endedUnderFlood(loud, 1008));
      const telling = await arena.serve((lab: Lab, options: typeof limits): Setting => {
        const told: number[] = [];
        lab.kept.set("told", told);
        return { options: { ...options, queueOverflow: (_client, byteLength) => told.push(byteLength) } };
      }, limits);
      const noted = await telling.open();
      for (let i = 0; i < 100; i++) noted.event("early", i, chunk);
      await noted.authenticate();
      const told = (await telling.run((lab) => lab.kept.get("told"))) as number[];
      assert.equal(told.length, 97);
      assert.ok(told.every((byteLength) => byteLength > KiB));
      // Queued or dropped, what was sent before auth is bounded; here all is dropped.
      const dropping = await arena.serve();
      const wire = await dropping.open();
      const grown = await dropping.growth(async () => {
        for (let i = 0; i < 10_000; i++) wire.event("early", i, "x".repeat(8 * KiB));
        await wire.authenticate();
      });
      assert.ok(grown < 40 * MiB, `grew by ${grown}`);
      assert.deepEqual(await dropping.messages(), []);
      const large = await dropping.open();
      large.binary(encode("early", 1, null, Buffer.alloc(64 * KiB)));
      assert.equal((await large.closed()).code, 1009);
    },
  },
  {
    number: 44,
    title: "500 sockets in a slow decision: an honest peer is accepted meanwhile",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve(byKey);
      const slow = await server.many(500, () => server.open());
      for (const wire of slow) wire.auth("never");
      await server.called("onAuthRequest", 500);
      const start = performance.now();
      await server.answersOthers();
      const took = performance.now() - start;
      assert.ok(took < 1000, `after ${took} ms`);
      for (const wire of slow) wire.destroy();
      await until(() => slow.every((wire) => !wire.isOpen), "all have left");
    },
  },
];
