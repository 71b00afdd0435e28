import { EZEZError } from "@ezez-ws/core";
import { expect } from "vitest";
import type { Area } from "../area.js";
import { encode, part } from "../messages.js";
import type { ServerCallbacks, ServerOptions } from "../row.js";

const KiB = 1024;

/** A message of exactly so many bytes. */
const ofSize = (bytes: number): Buffer => {
  const envelope = Buffer.concat([part("f", "a"), part("j", '"n:1"'), part("j", '"l:"')]);
  let length = bytes - envelope.length - 4;
  while (envelope.length + `${length}t\0`.length + length + 1 > bytes) length--;
  const message = Buffer.concat([envelope, part("t", Buffer.alloc(length))]);
  if (message.length !== bytes) throw new Error(`no message has ${bytes} bytes`);
  return message;
};

export const limits: Area = ({ it, row: { capabilities, create } }) => {
  it("a message of maxPayload is dispatched, one of a byte more closes with 1009", async (lab) => {
    const running = await lab.start({ maxPayload: 10 * KiB });
    const wire = await running.authenticated();
    wire.binary(ofSize(10 * KiB));
    await running.called("onMessage");
    wire.binary(ofSize(10 * KiB + 1));
    expect((await wire.closed()).code).toBe(1009);
    await running.called("onDisconnect");
    expect(running.count("onMessage")).toBe(1);
    expect(running.errors.map(({ code }) => code)).toEqual(["MESSAGE_TOO_LARGE"]);
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([1009]);
  });

  it("maxPayload is 1 MiB by default", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.binary(ofSize(1024 * KiB));
    await running.called("onMessage");
    wire.binary(ofSize(1024 * KiB + 1));
    expect((await wire.closed()).code).toBe(1009);
  });

  it("maxPayload holds for a message in fragments", async (lab) => {
    const running = await lab.start({ maxPayload: 10 * KiB });
    const wire = await running.authenticated();
    const message = ofSize(10 * KiB + 1);
    wire.frame(2, message.subarray(0, 6 * KiB), { fin: false });
    wire.frame(0, message.subarray(6 * KiB));
    expect((await wire.closed()).code).toBe(1009);
    expect(running.messages).toEqual([]);
  });

  it("a message far above maxPayload is refused at its header, as the row says", async (lab) => {
    const running = await lab.start({ maxPayload: 10 * KiB });
    for (const declaredLength of [100n * 1024n * 1024n, 2n ** 31n]) {
      const wire = await running.authenticated();
      wire.frame(2, Buffer.from("only this"), { declaredLength });
      expect((await wire.closed()).code).toBe(capabilities.nativeTooLargeCloseCode);
    }
    await running.called("onDisconnect", 2);
    expect(running.messages).toEqual([]);
    await running.answersOthers();
  });

  it("a length of 2^63 is refused at its header", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.frame(2, Buffer.from("only this"), { declaredLength: 2n ** 63n });
    await wire.closed();
    await running.called("onDisconnect");
    await running.answersOthers();
  });

  it("maxPayloadBeforeAuth is the limit until authenticated: 64 KiB by default", async (lab) => {
    const running = await lab.start({ messagesBeforeAuth: "accept" });
    const wire = await running.open();
    wire.binary(ofSize(64 * KiB));
    await running.called("onMessage");
    wire.binary(ofSize(64 * KiB + 1));
    expect((await wire.closed()).code).toBe(1009);
    expect(running.count("onMessage")).toBe(1);
    const later = await running.authenticated();
    later.binary(ofSize(64 * KiB + 1));
    await running.called("onMessage", 2);
  });

  it("maxPayloadBeforeAuth holds in every mode, and for the auth message", async (lab) => {
    for (const messagesBeforeAuth of ["ignore", "queue", "accept"] as const) {
      const running = await lab.start({ messagesBeforeAuth, maxPayloadBeforeAuth: 1000 });
      const wire = await running.open();
      wire.binary(ofSize(1001));
      expect((await wire.closed()).code, messagesBeforeAuth).toBe(1009);
      const other = await running.open();
      other.auth("x".repeat(1000));
      expect((await other.closed()).code, messagesBeforeAuth).toBe(1009);
      expect(running.count("onAuthRequest")).toBe(0);
    }
  });

  it("maxPayloadBeforeAuth is never more than maxPayload or the queue's limit by default", async (lab) => {
    const running = await lab.start({ maxPayload: 500 });
    await running.authenticated();
    const queueing = await lab.start({ messagesBeforeAuth: "queue", queueLimitBytes: 500 });
    const wire = await queueing.open();
    wire.binary(ofSize(501));
    expect((await wire.closed()).code).toBe(1009);
  });

  it("maxMessagesPerSecond: a burst of one second passes, over it the client is closed with 4429", async (lab) => {
    const running = await lab.start({ maxMessagesPerSecond: 5 });
    const wire = await running.authenticated();
    for (let i = 0; i < 50; i++) wire.event("a", i);
    expect((await wire.closed()).code).toBe(4429);
    await running.called("onDisconnect");
    const dispatched = running.count("onMessage");
    expect(dispatched).toBeGreaterThanOrEqual(4);
    expect(dispatched).toBeLessThan(15);
    expect(running.messages).toEqual(Array.from({ length: dispatched }, (_, i) => ["a", i]));
    expect(running.errors.map(({ code }) => code)).toEqual(["RATE_LIMITED"]);
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([4429]);
  });

  it("maxMessagesPerSecond is per client, and tokens come back", async (lab) => {
    const running = await lab.start({ maxMessagesPerSecond: 20 });
    const other = await running.authenticated();
    const wire = await running.authenticated();
    // One message at a time, each when the last was answered and a token's time has passed: more than the burst in all.
    for (let i = 0; i < 30; i++) {
      wire.event("a", i);
      await running.called("onMessage", i + 1);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(wire.isOpen).toBe(true);
    other.event("b");
    await running.called("onMessage", 31);
  });

  it("maxMessagesPerSecond holds before authentication, too", async (lab) => {
    const running = await lab.start({ maxMessagesPerSecond: 5 });
    const wire = await running.open();
    for (let i = 0; i < 50; i++) wire.event("a", i);
    expect((await wire.closed()).code).toBe(4429);
    expect(wire.unread).toEqual([]);
  });

  it("10,000 messages before auth are dropped, and auth still works", async (lab) => {
    // To encode as many takes seconds on a busy machine.
    const running = await lab.start({ authTimeoutMs: 60_000 });
    const wire = await running.open();
    for (let i = 0; i < 10_000; i++) wire.event("a", i);
    await wire.authenticate();
    expect(running.messages).toEqual([]);
  });

  it("a flood of 10,000 pings harms nobody else", async (lab) => {
    const running = await lab.start();
    const flooding = await running.authenticated();
    const other = await running.pair();
    for (let i = 0; i < 10_000; i++) flooding.frame(9, Buffer.from("?"));
    await running.answersOthers();
    other.client.send("a");
    expect((await other.wire.next())[0]).toBe("a");
  });

  const construct = (options: ServerOptions, callbacks: Partial<ServerCallbacks> = {}): unknown =>
    create({ port: 0, ...options }, { onAuthRequest: () => true, ...callbacks });

  for (const [option, values] of Object.entries<readonly unknown[]>({
    messagesBeforeAuth: ["drop", 1, true, null],
    upgradeDecisionTimeoutMs: [0, -1, 1.5, Number.NaN, "5"],
    authTimeoutMs: [0, -1, 1.5, Number.NaN, Infinity, "5", null, 2 ** 31],
    authDecisionTimeoutMs: [0, -1, 1.5, Number.NaN, "5"],
    authErrors: ["ignore", 1, null],
    queueLimitBytes: [0, -1, 1.5, Number.NaN, "5"],
    queueOverflow: ["drop", 1, null],
    maxPayload: [0, -1, 1.5, Number.NaN, "5"],
    maxPayloadBeforeAuth: [0, -1, 1.5, 2 * 1024 * KiB],
    maxBigIntLength: [0, -1, 1.5, Number.NaN, "5"],
    sendAfterDisconnect: ["drop", true, null],
    clearAwaitingRepliesAfterMs: [0, -1, 1.5, Number.NaN],
    maxAwaitingReplies: [0, -1, 1.5, Number.NaN, "5"],
    heartbeatIntervalMs: [-1, 1.5, Number.NaN, "5", 2 ** 31],
    maxBackpressure: [0, -1, 1.5, Number.NaN],
    slowConsumer: ["ignore", 1, null],
    maxConnections: [0, -1, 1.5, Number.NaN, "5"],
    maxMessagesPerSecond: [0, -1, 1.5, Number.NaN, "5"],
    allowedOrigins: ["https://a.example", 1, null],
    handleProtocols: [true, "chat", 1],
    serializerArgs: [
      ...["", "a:b", "s", "n", "i", "u", "b", "l"].map((key) => [{ [key]: () => null }]),
      [{ D: "no function" }],
      {},
    ],
    unserializerArgs: [...["", "a:b", "s"].map((key) => [{ [key]: () => null }]), [{ D: 1 }], "D"],
    path: ["ws", "", "/ws?x=1", 5],
    defaultContext: [5, "text", null, { fn: () => 0 }],
    port: [-1, 1.5, 65_536, "8080", Number.NaN],
    host: ["", 5, null, ["127.0.0.1"]],
  })) {
    it(`${option} out of range throws from the constructor, with the option's name`, async () => {
      for (const value of values) {
        let thrown: unknown;
        try {
          construct({ [option]: value });
        } catch (error) {
          thrown = error;
        }
        expect(thrown, `${option}: ${String(value)}`).toBeInstanceOf(EZEZError);
        expect(thrown).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(option) });
      }
    });
  }

  it("maxPayloadBeforeAuth above queueLimitBytes throws in queue mode, and only there", async () => {
    const options = { queueLimitBytes: 1000, maxPayloadBeforeAuth: 1001 };
    expect(() => construct({ ...options, messagesBeforeAuth: "queue" })).toThrow(/maxPayloadBeforeAuth/);
    construct(options);
    construct({ ...options, messagesBeforeAuth: "queue", maxPayloadBeforeAuth: 1000 });
  });

  it("a missing onAuthRequest, and a callback that is no function, throw from the constructor", async () => {
    expect(() => create({ port: 0 }, {} as ServerCallbacks)).toThrow(/onAuthRequest/);
    expect(() => create({ port: 0 }, undefined as unknown as ServerCallbacks)).toThrow(/callbacks must be an object/);
    for (const name of ["onUpgrade", "onAuthOk", "onMessage", "onDisconnect", "onDrain", "onError"]) {
      expect(() => construct({}, { [name]: 5 } as Partial<ServerCallbacks>)).toThrow(new RegExp(name));
    }
  });

  it("options and callbacks that are undefined are as if left out", async (lab) => {
    const options = { maxPayload: undefined, path: undefined, queueOverflow: undefined, serializerArgs: undefined };
    const running = await lab.start({ ...options, maxConnections: undefined, defaultContext: undefined });
    const { client } = await running.pair();
    expect(client.context).toEqual({});
    construct({}, { onMessage: undefined, onError: undefined });
  });

  it("Infinity disables maxAwaitingReplies, maxConnections and maxMessagesPerSecond", async (lab) => {
    const running = await lab.start({
      maxAwaitingReplies: Infinity,
      maxConnections: Infinity,
      maxMessagesPerSecond: Infinity,
      maxBigIntLength: Infinity,
    });
    const { wire, client } = await running.pair();
    for (let i = 0; i < 10_001; i++) client.send("a", [], () => 0);
    expect(client.awaitingRepliesCount).toBe(10_001);
    for (let i = 0; i < 2000; i++) wire.event("b");
    await running.called("onMessage", 2000);
  });

  it("every prefix of a message is refused, and never taken for a shorter one", async (lab) => {
    const running = await lab.start();
    const whole = encode("a", 1, null, "hello", { a: [1n, true] }, Buffer.from("bytes"));
    // Where a prefix ends behind a part, it is a message of its own.
    const ends = [
      encode("a", 1, null),
      encode("a", 1, null, "hello"),
      encode("a", 1, null, "hello", { a: [1n, true] }),
    ];
    const legal = new Set(ends.map(({ length }) => length));
    const wires = await Promise.all(Array.from({ length: whole.length }, () => running.authenticated()));
    wires.forEach((wire, length) => {
      wire.binary(whole.subarray(0, length));
      wire.close(1000);
    });
    const codes = await Promise.all(wires.map(async (wire) => (await wire.closed()).code));
    const refused = capabilities.answersCloseBehindMessage ? 1000 : 1002;
    expect(codes).toEqual(codes.map((_, length) => (legal.has(length) ? 1000 : refused)));
    expect(running.count("onMessage")).toBe(legal.size);
    await running.called("onDisconnect", whole.length);
    const told = running.given("onDisconnect").map(([code]) => code);
    expect(told.filter((code) => code === 1002)).toHaveLength(whole.length - legal.size);
  });
};
