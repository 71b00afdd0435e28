import { expect } from "vitest";
import type { Area } from "../area.js";
import { authRejectedBytes, encode, hex, part } from "../messages.js";
import type { Client } from "../row.js";
import { gate, until } from "../wait.js";

export const auth: Area = ({ it, row: { capabilities } }) => {
  it("takes the auth message and answers auth-ok, byte for byte as the protocol says", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.binary(hex("313366 00 657a657a2d77733a3a61757468 00  3366 00 6b6579 00  356a 00 226e3a3122 00"));
    expect((await wire.bytes()).toString("hex")).toBe("31366600657a657a2d77733a3a617574682d6f6b00");
    expect(running.given("onAuthRequest")).toEqual([["key"]]);
    expect(running.given("onAuthOk")).toEqual([[]]);
  });

  it("accepts with a promise of true", async (lab) => {
    const running = await lab.start({}, { onAuthRequest: async (_, key) => key === "right" });
    const wire = await running.open();
    await wire.authenticate("right");
    expect(running.count("onAuthRejected")).toBe(0);
  });

  for (const [answer, value] of Object.entries({ "1": 1, '"yes"': "yes", "an object": {}, undefined: undefined })) {
    it(`rejects where onAuthRequest gives ${answer}: only true accepts`, async (lab) => {
      const running = await lab.start({}, { onAuthRequest: () => value as boolean });
      const later = await lab.start({}, { onAuthRequest: () => Promise.resolve(value as boolean) });
      for (const server of [running, later]) {
        const wire = await server.open();
        wire.auth();
        expect(await wire.next()).toEqual(["ezez-ws::auth-rejected", "Invalid auth key"]);
        expect((await wire.closed()).code).toBe(4401);
      }
    });
  }

  it("tells an invalid key with exactly these bytes, then closes with 4401", async (lab) => {
    const running = await lab.start({}, { onAuthRequest: () => false });
    const wire = await running.open();
    wire.auth("wrong");
    expect((await wire.bytes()).toString("hex")).toBe(
      "32326600657a657a2d77733a3a617574682d72656a656374656400" + "31366600496e76616c69642061757468206b657900",
    );
    expect((await wire.closed()).code).toBe(4401);
    expect(running.given("onAuthRejected")).toEqual([["Invalid auth key"]]);
    expect(running.count("onAuthOk")).toBe(0);
  });

  it("tells a failed verification with exactly these bytes, then closes with 4401", async (lab) => {
    const running = await lab.start(
      {},
      {
        onAuthRequest: () => {
          throw new Error("the database is away");
        },
      },
    );
    const wire = await running.open();
    wire.auth();
    expect(await wire.bytes()).toEqual(authRejectedBytes("Auth verification failed"));
    expect((await wire.closed()).code).toBe(4401);
    expect(running.given("onAuthRejected")).toEqual([["Auth verification failed"]]);
    expect(running.errors.map(({ code, stage }) => [code, stage])).toEqual([["CALLBACK_FAILED", "onAuthRequest"]]);
  });

  it("tells a failed verification where onAuthRequest rejects, too", async (lab) => {
    const cause = new Error("the database is away");
    const running = await lab.start({}, { onAuthRequest: () => Promise.reject(cause) });
    const wire = await running.open();
    wire.auth();
    expect(await wire.bytes()).toEqual(authRejectedBytes("Auth verification failed"));
    expect((await wire.closed()).code).toBe(4401);
    expect(running.errors[0]?.cause).toBe(cause);
    expect(running.errors).toHaveLength(1);
  });

  it("tells an auth timeout with exactly these bytes, then closes with 4408", async (lab) => {
    const running = await lab.start({ authTimeoutMs: 50 });
    const wire = await running.open();
    expect(await wire.bytes()).toEqual(authRejectedBytes("Auth timeout"));
    expect((await wire.closed()).code).toBe(4408);
    expect(running.given("onAuthRejected")).toEqual([["Auth timeout"]]);
    expect(running.count("onAuthRequest")).toBe(0);
  });

  it("does not take other messages for the auth message: the timeout still comes", async (lab) => {
    const running = await lab.start({ authTimeoutMs: 300 });
    const wire = await running.open();
    wire.event("a");
    wire.frame(9);
    await wire.nextFrame("a pong");
    expect(await wire.bytes()).toEqual(authRejectedBytes("Auth timeout"));
  });

  it("does not time out once authenticated", async (lab) => {
    const running = await lab.start({ authTimeoutMs: 500 });
    const wire = await running.authenticated();
    const late = await running.open();
    expect((await late.closed()).code).toBe(4408);
    expect(wire.isOpen).toBe(true);
  });

  for (const [version, printed] of [
    [2, "2"],
    [0, "0"],
    ["1", "1"],
    [1n, "1"],
    [null, "null"],
    [true, "true"],
    [[1, 2], "1,2"],
    [{ a: 1 }, "[object Object]"],
  ] as const) {
    it(`tells a wrong version (${typeof version} ${printed}) with exactly these bytes, then closes with 4401`, async (lab) => {
      const running = await lab.start();
      const wire = await running.open();
      wire.auth("key", version);
      expect(await wire.bytes()).toEqual(authRejectedBytes(`Protocol version mismatch, wanted 1, got ${printed}`));
      expect((await wire.closed()).code).toBe(4401);
      expect(running.count("onAuthRequest")).toBe(0);
    });
  }

  it("tells a missing version as undefined", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.binary(encode("ezez-ws::auth", "key"));
    expect(await wire.bytes()).toEqual(authRejectedBytes("Protocol version mismatch, wanted 1, got undefined"));
    expect((await wire.closed()).code).toBe(4401);
  });

  it("prints a version that cannot be printed safely, and lives on", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.auth("key", { toString: 1, valueOf: 2 });
    const [name, reason] = await wire.next();
    expect(name).toBe("ezez-ws::auth-rejected");
    expect(reason).toMatch(/^Protocol version mismatch, wanted 1, got /);
    expect((await wire.closed()).code).toBe(4401);
    await running.answersOthers();
  });

  it("closes properly after a version so long that no close frame could hold it", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.auth("key", "🦀".repeat(1000));
    expect((await wire.next())[0]).toBe("ezez-ws::auth-rejected");
    expect((await wire.closed()).code).toBe(4401);
  });

  for (const [what, key] of Object.entries({
    "a number": 5,
    "an object": { $ne: null },
    undefined: undefined,
    null: null,
    true: true,
    bytes: Buffer.from("key"),
  })) {
    it(`rejects a key that is ${what} as an invalid key, without asking onAuthRequest`, async (lab) => {
      const running = await lab.start();
      const wire = await running.open();
      wire.binary(encode("ezez-ws::auth", key, 1));
      expect(await wire.bytes()).toEqual(authRejectedBytes("Invalid auth key"));
      expect((await wire.closed()).code).toBe(4401);
      expect(running.count("onAuthRequest")).toBe(0);
    });
  }

  it("asks onAuthRequest for an empty key, which is a string", async (lab) => {
    const running = await lab.start();
    await (await running.open()).authenticate("");
    expect(running.given("onAuthRequest")).toEqual([[""]]);
  });

  it("ignores further arguments of the auth message", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.auth("key", 1, { compression: true }, "more");
    expect(await wire.bytes()).toEqual(part("f", "ezez-ws::auth-ok"));
  });

  it('authErrors "retry" closes with 1013 and without auth-rejected', async (lab) => {
    const running = await lab.start(
      { authErrors: "retry" },
      { onAuthRequest: () => Promise.reject(new Error("down")) },
    );
    const wire = await running.open();
    wire.auth();
    expect((await wire.closed()).code).toBe(1013);
    expect(wire.unread).toEqual([]);
    expect(running.count("onAuthRejected")).toBe(0);
    await running.called("onDisconnect");
    expect(running.errors.map(({ code }) => code)).toContain("CALLBACK_FAILED");
  });

  it('authErrors "retry" still rejects a wrong key', async (lab) => {
    const running = await lab.start({ authErrors: "retry" }, { onAuthRequest: () => false });
    const wire = await running.open();
    wire.auth();
    expect(await wire.bytes()).toEqual(authRejectedBytes("Invalid auth key"));
    expect((await wire.closed()).code).toBe(4401);
  });

  it("a decision that takes longer than authDecisionTimeoutMs closes with 1013 and without auth-rejected", async (lab) => {
    const decision = gate<boolean>();
    const running = await lab.start({ authDecisionTimeoutMs: 50 }, { onAuthRequest: () => decision.passed });
    const wire = await running.open();
    wire.auth();
    expect((await wire.closed()).code).toBe(1013);
    expect(wire.unread).toEqual([]);
    await running.called("onDisconnect");
    decision.open(true);
    await running.answersOthers();
    expect(running.errors.map(({ code }) => code)).toEqual(["AUTH_DECISION_TIMEOUT"]);
    // The other's.
    expect([running.count("onAuthOk"), running.count("onAuthRejected")]).toEqual([1, 0]);
  });

  it("the auth timeout does not run while onAuthRequest decides", async (lab) => {
    const decision = gate<boolean>();
    const running = await lab.start({ authTimeoutMs: 500 }, { onAuthRequest: () => decision.passed });
    const wire = await running.open();
    wire.auth();
    await running.called("onAuthRequest");
    const silent = await running.open();
    expect((await silent.closed()).code).toBe(4408);
    expect(wire.isOpen).toBe(true);
    decision.open(true);
    expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
  });

  it("ignores a late decision for a client that has left", async (lab) => {
    const decisions = [gate<boolean>(), gate<boolean>(), gate<boolean>()];
    let asked = 0;
    const running = await lab.start({}, { onAuthRequest: () => decisions[asked++]?.passed ?? true });
    for (let i = 0; i < decisions.length; i++) {
      const wire = await running.open();
      wire.auth();
      await running.called("onAuthRequest", i + 1);
      wire.close(1000);
      await running.called("onDisconnect", i + 1);
    }
    decisions[0]?.open(true);
    decisions[1]?.open(false);
    decisions[2]?.fail(new Error("too late"));
    await running.answersOthers();
    expect(running.count("onAuthOk")).toBe(1);
    expect(running.count("onAuthRejected")).toBe(0);
  });

  it("a second auth message while the first is decided on closes with 1002, and asks once", async (lab) => {
    const decision = gate<boolean>();
    const running = await lab.start({}, { onAuthRequest: () => decision.passed });
    const wire = await running.open();
    wire.auth("slow and good");
    wire.auth("fast and bad");
    expect((await wire.closed()).code).toBe(1002);
    decision.open(true);
    await running.called("onDisconnect");
    expect(running.given("onAuthRequest")).toEqual([["slow and good"]]);
    expect(wire.unread).toEqual([]);
    expect(running.count("onAuthOk")).toBe(0);
    expect(running.errors.map(({ code }) => code)).toEqual(["DUPLICATE_AUTH"]);
  });

  it("a second auth message after auth-ok closes with 1002, and never gives a second onAuthOk", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.auth();
    expect((await wire.closed()).code).toBe(1002);
    await running.called("onDisconnect");
    expect(running.count("onAuthRequest")).toBe(1);
    expect(running.count("onAuthOk")).toBe(1);
    expect(running.errors.map(({ code }) => code)).toEqual(["DUPLICATE_AUTH"]);
  });

  it("asks once, however many keys a rejected peer goes on to send, and terminates it", async (lab) => {
    const running = await lab.start({}, { onAuthRequest: (_, key) => key === "right" });
    const wire = await running.open({ finishesClosing: false });
    wire.auth("wrong");
    await wire.closing();
    for (let i = 0; i < 1000; i++) wire.auth(i === 500 ? "right" : "wrong");
    await wire.gone(capabilities.freesClosedSocketMs);
    expect(running.count("onAuthRequest")).toBe(1);
    expect(running.count("onAuthOk")).toBe(0);
    expect(running.count("onAuthRejected")).toBe(1);
    await running.answersOthers({ key: "right" });
  });

  it('messagesBeforeAuth "ignore", the default, drops them', async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    for (let i = 0; i < 100; i++) wire.event("a", i);
    await wire.authenticate();
    wire.event("b", "after");
    await running.called("onMessage");
    expect(running.messages).toEqual([["b", "after"]]);
  });

  it('messagesBeforeAuth "queue" delivers them in order right after onAuthOk', async (lab) => {
    const decision = gate<boolean>();
    const heard: unknown[] = [];
    const running = await lab.start(
      { messagesBeforeAuth: "queue" },
      {
        onAuthRequest: (client) => {
          client.on("a", ([n]) => heard.push(n));
          return decision.passed;
        },
      },
    );
    const wire = await running.open();
    for (let i = 0; i < 3; i++) wire.event("a", i);
    wire.auth();
    await running.called("onAuthRequest");
    for (let i = 3; i < 6; i++) wire.event("a", i);
    wire.frame(9);
    await wire.nextFrame("a pong: all was read");
    expect(running.messages).toEqual([]);
    decision.open(true);
    await running.called("onMessage", 6);
    expect(running.messages.map(([, n]) => n)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(heard).toEqual([0, 1, 2, 3, 4, 5]);
    expect(running.calls.map(({ name }) => name).slice(1, 4)).toEqual(["onAuthRequest", "onAuthOk", "onMessage"]);
  });

  it('messagesBeforeAuth "queue" stops delivering where the application disconnects in between', async (lab) => {
    const running = await lab.start(
      { messagesBeforeAuth: "queue" },
      { onMessage: (client, _, [n]) => (n === 1 ? client.disconnect() : undefined) },
    );
    const wire = await running.open();
    for (let i = 0; i < 4; i++) wire.event("a", i);
    wire.auth();
    expect(await wire.closed()).toEqual({ code: 1000, reason: "" });
    expect(running.messages.map(([, n]) => n)).toEqual([0, 1]);
  });

  it('messagesBeforeAuth "queue" delivers the rest where a callback fails on one', async (lab) => {
    const running = await lab.start(
      { messagesBeforeAuth: "queue" },
      {
        onAuthOk: () => {
          throw new Error("failed");
        },
        onMessage: (_client, _name, [n]) => {
          if (n === 1) throw new Error("failed");
        },
      },
    );
    const wire = await running.open();
    for (let i = 0; i < 4; i++) wire.event("a", i);
    await wire.authenticate();
    await running.called("onMessage", 4);
    expect(running.messages.map(([, n]) => n)).toEqual([0, 1, 2, 3]);
    expect(running.errors.map(({ stage }) => stage)).toEqual(["onAuthOk", "onMessage"]);
  });

  it('messagesBeforeAuth "accept" dispatches them at once', async (lab) => {
    const running = await lab.start({ messagesBeforeAuth: "accept" });
    const wire = await running.open();
    wire.event("a", 1);
    const call = await running.called("onMessage");
    expect(call.client?.authenticated).toBe(false);
    expect(running.messages).toEqual([["a", 1]]);
    await wire.authenticate();
    expect(running.messages).toHaveLength(1);
  });

  // What one of these messages takes; three of them fit.
  const one = encode("a", 1, null, "x".repeat(50));
  const limits = { messagesBeforeAuth: "queue", queueLimitBytes: one.length * 3 + 5 } as const;

  it('queueOverflow "ignore", the default, drops what does not fit', async (lab) => {
    const running = await lab.start(limits);
    const wire = await running.open();
    for (let i = 0; i < 5; i++) wire.binary(one);
    wire.event("b");
    await wire.authenticate();
    wire.event("c");
    await until(() => running.messages.some(([name]) => name === "c"), "c was dispatched");
    expect(running.messages.map(([name]) => name)).toEqual(["a", "a", "a", "c"]);
    expect(running.errors).toEqual([]);
  });

  it('queueOverflow "disconnect" closes with 1008', async (lab) => {
    const running = await lab.start({ ...limits, queueOverflow: "disconnect" });
    const wire = await running.open();
    for (let i = 0; i < 4; i++) wire.binary(one);
    expect((await wire.closed()).code).toBe(1008);
    await running.called("onDisconnect");
    expect(running.messages).toEqual([]);
    expect(running.errors.map(({ code }) => code)).toEqual(["QUEUE_OVERFLOW"]);
    expect(wire.unread).toEqual([]);
  });

  it("queueOverflow as a function is told the client and the bytes of each that was dropped", async (lab) => {
    const told: [number, number][] = [];
    const running = await lab.start({
      ...limits,
      queueOverflow: (client, byteLength) => told.push([client.connectionId, byteLength]),
    });
    const wire = await running.open();
    for (let i = 0; i < 5; i++) wire.binary(one);
    await wire.authenticate();
    await running.called("onMessage", 3);
    const id = running.of("onAuthOk")[0]?.client?.connectionId;
    expect(told).toEqual([
      [id, one.length],
      [id, one.length],
    ]);
  });

  it("queueOverflow as a function may disconnect", async (lab) => {
    const running = await lab.start({ ...limits, queueOverflow: (client) => client.disconnect(4000, "enough") });
    const wire = await running.open();
    for (let i = 0; i < 9; i++) wire.binary(one);
    expect(await wire.closed()).toEqual({ code: 4000, reason: "enough" });
  });

  it("counts each connection's queue alone", async (lab) => {
    const running = await lab.start({ ...limits, queueOverflow: "disconnect" });
    const wires = [await running.open(), await running.open()];
    for (const wire of wires) for (let i = 0; i < 3; i++) wire.binary(one);
    for (const wire of wires) await wire.authenticate();
    await running.called("onMessage", 6);
  });

  it("authenticated is false until accepted, and alive true from the beginning", async (lab) => {
    const seen: [string, boolean, boolean][] = [];
    const see = (where: string, { alive, authenticated }: Client): number => seen.push([where, alive, authenticated]);
    const running = await lab.start(
      {},
      {
        onAuthRequest: (client) => {
          see("request", client);
          return true;
        },
        onAuthOk: (client) => see("ok", client),
      },
    );
    await running.authenticated();
    expect(seen).toEqual([
      ["request", true, false],
      ["ok", true, true],
    ]);
  });

  it("a rejected client is not alive in onAuthRejected, and onDisconnect follows with 4401", async (lab) => {
    const alive: boolean[] = [];
    const running = await lab.start(
      {},
      { onAuthRequest: () => false, onAuthRejected: (client) => alive.push(client.alive) },
    );
    const wire = await running.open();
    wire.auth();
    await running.called("onDisconnect");
    expect(alive).toEqual([false]);
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([4401]);
    expect(running.calls.map(({ name }) => name)).toEqual([
      "onUpgrade",
      "onAuthRequest",
      "onAuthRejected",
      "onDisconnect",
    ]);
  });

  it("many peers in a slow decision keep nobody else waiting", async (lab) => {
    const decision = gate<boolean>();
    const running = await lab.start({}, { onAuthRequest: (_, key) => (key === "slow" ? decision.passed : true) });
    const slow = await Promise.all(Array.from({ length: 50 }, () => running.open()));
    for (const wire of slow) wire.auth("slow");
    await running.called("onAuthRequest", 50);
    await running.answersOthers();
    decision.open(true);
    for (const wire of slow) expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
  });
};
