import { expect } from "vitest";
import type { Area } from "../area.js";
import { Opcode } from "../frames.js";
import { encode, part } from "../messages.js";
import type { ServerCallbacks, ServerOptions } from "../row.js";
import { until } from "../wait.js";

/** A message of exactly this many bytes. */
const ofSize = (byteLength: number): Buffer => {
  const head = encode("a", 1, null);
  for (let content = byteLength - head.length; content >= 0; content--) {
    const message = Buffer.concat([head, part("t", Buffer.alloc(content))]);
    if (message.length === byteLength) return message;
  }
  throw new Error(`no message has ${byteLength} bytes`);
};

const INVALID: Readonly<Record<string, readonly unknown[]>> = {
  messagesBeforeAuth: ["drop", 1],
  authTimeoutMs: [0, -1, Number.NaN, Infinity, "5"],
  authDecisionTimeoutMs: [0, -1, 2 ** 31],
  authErrors: ["ignore"],
  queueLimitBytes: [0, -1],
  queueOverflow: ["close", {}],
  maxPayload: [0, -1, 1.5],
  maxPayloadBeforeAuth: [0, -1, 2 * 1024 * 1024],
  maxBigIntLength: [0, -1, Number.NaN],
  sendAfterDisconnect: ["drop"],
  clearAwaitingRepliesAfterMs: [0, -1],
  maxAwaitingReplies: [0, -1],
  heartbeatIntervalMs: [-1, 0.5],
  maxBackpressure: [0, -1],
  slowConsumer: ["ignore"],
  maxConnections: [0, -1],
  maxMessagesPerSecond: [0, -1],
  allowedOrigins: ["https://example.com", 1],
  handleProtocols: [true, "a"],
  path: ["ws", "/ws?x", 1],
  port: [-1, 65_536, 1.5, "80"],
  defaultContext: [null, 1, { run: () => undefined }],
  serializerArgs: [[{ "": () => null }], [{ "a:b": () => null }], [{ s: () => null }], [{ D: 1 }], {}],
  unserializerArgs: [[{ "": () => null }], [{ "a:b": () => null }], [{ l: () => null }], [{ D: 1 }], {}],
};

export const limits: Area = ({ it, capabilities, create }) => {
  for (const [option, values] of Object.entries(INVALID)) {
    it(`a bad ${option} throws INVALID_OPTION at construction, and names it`, async () => {
      for (const value of values) {
        const options = { port: 0, [option]: value } as ServerOptions & { port: number };
        expect(() => create(options, { onAuthRequest: () => true }), String(value)).toThrow(
          expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(option) }),
        );
      }
    });
  }

  it("maxPayloadBeforeAuth over queueLimitBytes throws in queue mode", async () => {
    const options = { port: 0, maxPayloadBeforeAuth: 2000, queueLimitBytes: 1000 };
    const callbacks: ServerCallbacks = { onAuthRequest: () => true };
    expect(() => create({ ...options, messagesBeforeAuth: "queue" }, callbacks)).toThrow(/^maxPayloadBeforeAuth/);
    create({ ...options, messagesBeforeAuth: "ignore" }, callbacks);
  });

  it("a callback that is missing or no function throws INVALID_OPTION, and is named", async () => {
    for (const callbacks of [{}, { onAuthRequest: 1 }]) {
      expect(() => create({ port: 0 }, callbacks as unknown as ServerCallbacks)).toThrow(/^onAuthRequest/);
    }
    const callbacks = { onAuthRequest: () => true, onMessage: "log" } as unknown as ServerCallbacks;
    expect(() => create({ port: 0 }, callbacks)).toThrow(/^onMessage/);
  });

  it("a message of exactly maxPayload is accepted, one byte more closes with 1009", async (lab) => {
    const running = await lab.start({ maxPayload: 2000 });
    const wire = await running.authenticated();
    wire.binary(ofSize(2000));
    await running.called("onMessage");
    wire.binary(ofSize(2001));
    expect((await wire.closed()).code).toBe(1009);
    await running.called("onDisconnect");
    expect(running.count("onMessage")).toBe(1);
    expect(running.errors.map((error) => error.code)).toEqual(["MESSAGE_TOO_LARGE"]);
    expect(running.given("onDisconnect")[0]?.[0]).toBe(1009);
  });

  it("maxPayload is 1 MiB by default", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.binary(ofSize(1024 * 1024));
    await running.called("onMessage");
    wire.binary(ofSize(1024 * 1024 + 1));
    expect((await wire.closed()).code).toBe(1009);
  });

  it("until authenticated, maxPayloadBeforeAuth (64 KiB by default) holds", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.binary(ofSize(64 * 1024));
    wire.binary(ofSize(64 * 1024 + 1));
    expect((await wire.closed()).code).toBe(1009);
    const strict = await lab.start({ maxPayloadBeforeAuth: 100 });
    const other = await strict.authenticated();
    other.binary(ofSize(1000));
    await strict.called("onMessage");
    const late = await strict.open();
    late.auth("x".repeat(200));
    expect((await late.closed()).code).toBe(1009);
  });

  it("a length far above maxPayload is refused at its header, before its bytes come", async (lab) => {
    const running = await lab.start({ maxPayload: 2000 });
    const wire = await running.authenticated();
    wire.frame(Opcode.binary, Buffer.alloc(10), { declaredLength: 100n * 1024n * 1024n });
    expect((await wire.closed()).code).toBe(capabilities.nativeTooLargeCloseCode);
    await running.called("onDisconnect");
    await running.answersOthers();
  });

  it("a length of 2^63 is refused at its header", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.frame(Opcode.binary, Buffer.alloc(10), { declaredLength: 2n ** 63n });
    await wire.closed();
    await running.called("onDisconnect");
    await running.answersOthers();
  });

  it("maxConnections: one more gets 503, and after one has left the next gets in", async (lab) => {
    const running = await lab.start({ maxConnections: 2 });
    const first = await running.authenticated();
    await running.open();
    expect((await running.upgradeAnswer()).status).toBe(503);
    expect(running.count("onUpgrade")).toBe(2);
    first.close(1000);
    await first.closed();
    await running.called("onDisconnect");
    await until(() => !running.of("onAuthOk")[0]?.client?.alive, "the first is gone");
    await running.authenticated();
  });

  it("maxMessagesPerSecond: a burst of as many is accepted, one more closes with 4429", async (lab) => {
    const running = await lab.start({ maxMessagesPerSecond: 20 });
    const wire = await running.authenticated();
    // The auth message was the first.
    for (let i = 0; i < 100; i++) wire.event("a", i);
    expect((await wire.closed()).code).toBe(4429);
    await running.called("onDisconnect");
    expect(running.count("onMessage")).toBeGreaterThanOrEqual(19);
    expect(running.count("onMessage")).toBeLessThan(60);
    expect(running.errors.map((error) => error.code)).toEqual(["RATE_LIMITED"]);
    await running.answersOthers();
  });
};
