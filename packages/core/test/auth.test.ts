import { describe, expect, it } from "vitest";
import { type AuthEffect, type AuthEvent, type AuthState, authStep } from "../src/auth.js";

const none: AuthEffect = { type: "none" };
const fail = (code: Extract<AuthEffect, { type: "fail" }>["code"]): AuthEffect => ({ type: "fail", code });
const reject = (reason: string, code = 4401): AuthEffect => ({ type: "reject", code, reason });

const events: Record<string, AuthEvent> = {
  "a good message": { type: "message", key: "key", version: 1 },
  "a message with another version": { type: "message", key: "key", version: 2 },
  "a message whose key is no text": { type: "message", key: { $ne: null }, version: 1 },
  accepted: { type: "decision", accepted: true },
  refused: { type: "decision", accepted: false },
  failed: { type: "failure", retry: false },
  "failed, to retry": { type: "failure", retry: true },
  timeout: { type: "timeout" },
};
const MISMATCH = "Protocol version mismatch, wanted 1, got 2";
const duplicate: [AuthState, AuthEffect] = ["rejected", fail("DUPLICATE_AUTH")];

const table: Record<AuthState, Record<string, [AuthState, AuthEffect]>> = {
  waiting: {
    "a good message": ["deciding", { type: "ask", key: "key" }],
    "a message with another version": ["rejected", reject(MISMATCH)],
    "a message whose key is no text": ["rejected", reject("Invalid auth key")],
    accepted: ["waiting", none],
    refused: ["waiting", none],
    failed: ["waiting", none],
    "failed, to retry": ["waiting", none],
    timeout: ["rejected", reject("Auth timeout", 4408)],
  },
  deciding: {
    "a good message": duplicate,
    "a message with another version": duplicate,
    "a message whose key is no text": duplicate,
    accepted: ["open", { type: "accept" }],
    refused: ["rejected", reject("Invalid auth key")],
    failed: ["rejected", reject("Auth verification failed")],
    "failed, to retry": ["rejected", fail("AUTH_UNAVAILABLE")],
    timeout: ["rejected", fail("AUTH_DECISION_TIMEOUT")],
  },
  open: {
    "a good message": duplicate,
    "a message with another version": duplicate,
    "a message whose key is no text": duplicate,
    accepted: ["open", none],
    refused: ["open", none],
    failed: ["open", none],
    "failed, to retry": ["open", none],
    timeout: ["open", none],
  },
  rejected: Object.fromEntries(
    Object.keys(events).map((event): [string, [AuthState, AuthEffect]] => [event, ["rejected", none]]),
  ),
};

describe.each(Object.entries(table))("%s", (state, row) => {
  it("has a row for every event", () => {
    expect(Object.keys(row)).toEqual(Object.keys(events));
  });

  it.each(Object.entries(row))("%s", (name, [next, effect]) => {
    const event = events[name] as AuthEvent;
    expect(authStep(state as AuthState, event)).toEqual({ state: next, effect });
  });
});

const versionMessage = (version: unknown): string => {
  const { effect } = authStep("waiting", { type: "message", key: "key", version });
  return effect.type === "reject" ? effect.reason : effect.type;
};

it.each<[unknown, string]>([
  ["1", "1"],
  [1n, "1"],
  [undefined, "undefined"],
  [null, "null"],
  [Number.NaN, "NaN"],
  [true, "true"],
  [[1, 2], "1,2"],
  [{}, "[object Object]"],
  [{ toString: 1, valueOf: 1 }, "object"],
  [Object.create(null), "object"],
])("the version %o is no version, and is printed", (version, printed) => {
  expect(versionMessage(version)).toBe(`Protocol version mismatch, wanted 1, got ${printed}`);
});

it("a version of any length comes back cut", () => {
  expect(versionMessage("x".repeat(10_000))).toBe(`Protocol version mismatch, wanted 1, got ${"x".repeat(100)}`);
});

it.each([undefined, null, 1, 1n, true, {}, [], new Uint8Array(1)])("the key %o is none", (key) => {
  expect(authStep("waiting", { type: "message", key, version: 1 }).effect).toEqual(reject("Invalid auth key"));
});

it("an empty key is one: the application decides", () => {
  expect(authStep("waiting", { type: "message", key: "", version: 1 }).effect).toEqual({ type: "ask", key: "" });
});
