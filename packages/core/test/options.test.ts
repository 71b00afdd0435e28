import { describe, expect, it } from "vitest";
import { integer, oneOf } from "../src/checks.js";
import { FrameCodec } from "../src/frame.js";
import { type CommonOptions, checkCallbacks, resolveOptions } from "../src/options.js";
import { errorOf } from "./codec.js";

const resolve = (options: object) => resolveOptions(options as CommonOptions);

it("the defaults are what is documented", () => {
  expect(resolveOptions({})).toEqual({
    upgradeDecisionTimeoutMs: 10_000,
    messagesBeforeAuth: "ignore",
    authTimeoutMs: 5000,
    authDecisionTimeoutMs: 10_000,
    authErrors: "reject",
    queueLimitBytes: 1_048_576,
    queueOverflow: "ignore",
    maxPayload: 1_048_576,
    maxPayloadBeforeAuth: 65_536,
    sendAfterDisconnect: "ignore",
    clearAwaitingRepliesAfterMs: 300_000,
    maxAwaitingReplies: 10_000,
    heartbeatIntervalMs: 30_000,
    maxBackpressure: 4_194_304,
    slowConsumer: "disconnect",
    maxConnections: Infinity,
    maxMessagesPerSecond: Infinity,
    defaultContext: {},
  });
});

it("undefined is as if it were not given", () => {
  expect(resolveOptions({ maxPayload: undefined, path: undefined, defaultContext: undefined })).toEqual(
    resolveOptions({}),
  );
});

it("maxPayloadBeforeAuth is no more than another limit by default", () => {
  expect(resolveOptions({ maxPayload: 1000 }).maxPayloadBeforeAuth).toBe(1000);
  expect(resolveOptions({ messagesBeforeAuth: "queue", queueLimitBytes: 500 }).maxPayloadBeforeAuth).toBe(500);
  expect(resolveOptions({ queueLimitBytes: 500 }).maxPayloadBeforeAuth).toBe(65_536);
  expect(resolveOptions({ maxPayloadBeforeAuth: 100 }).maxPayloadBeforeAuth).toBe(100);
});

const milliseconds = [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, "5", null];
const sizes = [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, "5", null];
const counts = [0, -1, 1.5, Number.NaN, -Infinity, 2 ** 53, "5", null];

const invalidOptions: Record<string, unknown[]> = {
  messagesBeforeAuth: ["", "drop", null, true],
  authErrors: ["", "throw", null],
  sendAfterDisconnect: ["", "queue", null],
  queueOverflow: ["", "drop", null, {}],
  slowConsumer: ["", "ignore", null, {}],
  upgradeDecisionTimeoutMs: milliseconds,
  authTimeoutMs: milliseconds,
  authDecisionTimeoutMs: milliseconds,
  clearAwaitingRepliesAfterMs: milliseconds,
  heartbeatIntervalMs: milliseconds.slice(1),
  queueLimitBytes: sizes,
  maxPayload: sizes,
  maxPayloadBeforeAuth: sizes,
  maxBackpressure: sizes,
  maxAwaitingReplies: counts,
  maxConnections: counts,
  maxMessagesPerSecond: counts,
  path: ["ws", "", "/ws?x", null, 1, /x/],
  allowedOrigins: ["https://a.example", null, new Set()],
  handleProtocols: [true, "a", null, []],
  defaultContext: [null, 1, "x", { call: () => 1 }],
};

describe.each(Object.entries(invalidOptions))("%s", (option, values) => {
  it.each(values.map((value) => [value]))("%o throws, with its name", (value) => {
    const error = errorOf(() => resolve({ [option]: value }));
    expect(error.code).toBe("INVALID_OPTION");
    expect(error.message.startsWith(`${option} `)).toBe(true);
  });
});

describe("the codec's", () => {
  it.each<[string, unknown[]]>([
    ["maxBigIntLength", [0, -1, 1.5, Number.NaN, -Infinity, "5", null]],
    [
      "serializerArgs",
      ["x", {}, null, [{ X: 1 }], [{ X: null }], [{ "": () => null }], [{ "a:": () => null }], [{ s: () => null }]],
    ],
    [
      "unserializerArgs",
      ["x", {}, null, [{ X: 1 }], [{ "": () => null }], [{ "a:b": () => null }], [{ l: () => null }]],
    ],
  ])("%s throws, with its name", (option, values) => {
    for (const value of values) {
      const error = errorOf(() => new FrameCodec({ [option]: value }));
      expect(error.code).toBe("INVALID_OPTION");
      expect(error.message.startsWith(option)).toBe(true);
    }
  });

  it("may be left out, empty or null", () => {
    for (const custom of [undefined, null, {}]) {
      new FrameCodec({ serializerArgs: [custom], unserializerArgs: [custom], maxBigIntLength: Infinity });
    }
    new FrameCodec({ serializerArgs: [], unserializerArgs: [], maxBigIntLength: 1 });
  });
});

it("what is at a bound is taken", () => {
  resolve({
    authTimeoutMs: 1,
    authDecisionTimeoutMs: 2 ** 31 - 1,
    heartbeatIntervalMs: 0,
    maxPayload: 1,
    maxBackpressure: 2 ** 31 - 1,
    maxAwaitingReplies: Infinity,
    maxConnections: 1,
    maxMessagesPerSecond: Number.MAX_SAFE_INTEGER,
    queueOverflow: () => 1,
    slowConsumer: () => 1,
    path: "/",
    allowedOrigins: [],
    handleProtocols: false,
    defaultContext: { a: new Date(), b: new Map() },
  });
  resolve({ allowedOrigins: () => true, handleProtocols: () => false });
});

it("maxPayloadBeforeAuth must fit into the queue, and not be above maxPayload", () => {
  const queue = { messagesBeforeAuth: "queue", queueLimitBytes: 1000, maxPayloadBeforeAuth: 1001 };
  expect(errorOf(() => resolve(queue)).message).toMatch(/^maxPayloadBeforeAuth .*queueLimitBytes/);
  resolve({ ...queue, maxPayloadBeforeAuth: 1000 });
  resolve({ ...queue, messagesBeforeAuth: "ignore" });
  expect(errorOf(() => resolve({ maxPayload: 10, maxPayloadBeforeAuth: 11 })).message).toMatch(
    /^maxPayloadBeforeAuth .*maxPayload/,
  );
});

it.each([undefined, null, 5, "options"])("options that are %o throw, with their name", (options) => {
  const error = errorOf(() => resolveOptions(options as unknown as CommonOptions));
  expect([error.code, error.message]).toEqual(["INVALID_OPTION", "options must be an object"]);
});

describe("callbacks", () => {
  it.each([undefined, null, 5, "callbacks"])("that are %o throw, with their name", (callbacks) => {
    const error = errorOf(() => checkCallbacks(callbacks as unknown as object));
    expect([error.code, error.message]).toEqual(["INVALID_OPTION", "callbacks must be an object"]);
  });

  it.each<[string, object]>([
    ["onAuthRequest", {}],
    ["onAuthRequest", { onAuthRequest: undefined }],
    ["onAuthRequest", { onAuthRequest: true }],
    ["onMessage", { onAuthRequest: () => true, onMessage: "x" }],
    ["onError", { onAuthRequest: () => true, onError: null }],
  ])("%s that is no function throws, with its name", (name, callbacks) => {
    const error = errorOf(() => checkCallbacks(callbacks));
    expect([error.code, error.message]).toEqual(["INVALID_OPTION", `${name} must be a function`]);
  });

  it("may be undefined but for onAuthRequest", () => {
    checkCallbacks({ onAuthRequest: () => true, onMessage: undefined });
  });
});

it("the rules say what may be given", () => {
  expect([integer(2, 1, 5).text, integer(2, 1, Infinity).text]).toEqual([
    "an integer from 1 to 5",
    "an integer from 1 to Infinity",
  ]);
  expect([oneOf("a", "b").text, oneOf(undefined, "a", Function).text]).toEqual(['"a" or "b"', '"a" or a function']);
});

it("options may be getters of a class", () => {
  class Configuration {
    get maxConnections(): number {
      return 7;
    }
    get allowedOrigins(): string[] {
      return ["https://example.com"];
    }
  }
  expect(resolveOptions(new Configuration())).toMatchObject({
    maxConnections: 7,
    allowedOrigins: ["https://example.com"],
  });
});
