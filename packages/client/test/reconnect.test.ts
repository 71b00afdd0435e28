import { describe, expect, it } from "vitest";
import { type ClientEvent, type ClientState, clientStep, reconnectDelay } from "../src/reconnect.js";

const NO_FAILURES = { failures: 0 };
const connecting: ClientState = { name: "connecting", ...NO_FAILURES };
const ended = (now = 0, code = 1006, final = false): ClientEvent => ({ type: "ended", code, final, now, random: 1 });

const run = (state: ClientState, ...events: ClientEvent[]) => {
  const effects: unknown[] = [];
  let current = state;
  for (const event of events) {
    const step = clientStep(current, event);
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects };
};

describe("the schedule", () => {
  it("doubles its bound from 0.5 s to 30 s", () => {
    const bounds = [0, 1, 2, 3, 4, 5, 6, 7, 100, 5000].map((failures) => reconnectDelay(failures, 1006, 1));
    expect(bounds).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  });

  it("has full jitter: anything from 0 to the bound", () => {
    expect(reconnectDelay(0, 1006, 0)).toBe(0);
    expect(reconnectDelay(3, 1006, 0.25)).toBe(1000);
    expect(reconnectDelay(9, 1001, 0.5)).toBe(15_000);
  });

  it("waits 5 s or more after close code 4429, and keeps its jitter", () => {
    expect(reconnectDelay(0, 4429, 0)).toBe(5000);
    expect(reconnectDelay(0, 4429, 1)).toBe(5500);
  });
});

describe("the life of a client", () => {
  it("connects, authenticates and flushes its queue", () => {
    expect(run(connecting, { type: "opened" })).toEqual({
      state: { name: "authenticating", failures: 0 },
      effects: [],
    });
    expect(run(connecting, { type: "opened" }, { type: "accepted", now: 7 })).toEqual({
      state: { name: "ready", failures: 0, since: 7 },
      effects: [{ type: "flushQueue" }],
    });
  });

  it("waits and connects again after a failed attempt, longer with each", () => {
    const { state, effects } = run(connecting, ended(), { type: "elapsed" }, ended(), { type: "elapsed" }, ended());
    expect(state).toEqual({ name: "waiting", failures: 3 });
    expect(effects).toEqual([
      { type: "wait", ms: 500 },
      { type: "connect" },
      { type: "wait", ms: 1000 },
      { type: "connect" },
      { type: "wait", ms: 2000 },
    ]);
  });

  it("goes on growing where the server accepts and closes within 10 s", () => {
    const open: ClientEvent[] = [{ type: "opened" }, { type: "accepted", now: 1000 }];
    const before: ClientState = { name: "connecting", failures: 3 };
    expect(run(before, ...open, ended(10_999)).effects.at(-1)).toEqual({ type: "wait", ms: 4000 });
  });

  it("goes back to the start after 10 s of stable connection", () => {
    const open: ClientEvent[] = [{ type: "opened" }, { type: "accepted", now: 1000 }];
    const before: ClientState = { name: "connecting", failures: 3 };
    expect(run(before, ...open, ended(11_000))).toEqual({
      state: { name: "waiting", failures: 1 },
      effects: [{ type: "flushQueue" }, { type: "wait", ms: 500 }],
    });
  });

  it("does not count time without auth-ok as stable", () => {
    const before: ClientState = { name: "authenticating", failures: 3 };
    expect(run(before, ended(60_000)).effects).toEqual([{ type: "wait", ms: 4000 }]);
  });

  it("stops and clears its queue at a final end", () => {
    expect(run(connecting, ended(0, 1006, true))).toEqual({
      state: { name: "stopped", failures: 0 },
      effects: [{ type: "clearQueue" }],
    });
  });

  const states: ClientState[] = [
    connecting,
    { name: "authenticating", failures: 1 },
    { name: "ready", failures: 1, since: 0 },
    { name: "waiting", failures: 1 },
  ];

  it.each(states)("stops from $name, once, and leaves no timer", (state) => {
    const stopped = run(state, { type: "stop" });
    expect(stopped.state.name).toBe("stopped");
    expect(stopped.effects).toEqual([{ type: "cancelWait" }, { type: "clearQueue" }, { type: "disconnect" }]);
    const later = run(
      stopped.state,
      { type: "stop" },
      { type: "opened" },
      { type: "accepted", now: 0 },
      { type: "elapsed" },
      ended(),
    );
    expect(later).toEqual({ state: stopped.state, effects: [] });
  });

  it("ignores events out of place", () => {
    const waiting: ClientState = { name: "waiting", failures: 1 };
    expect(run(waiting, ended(), { type: "opened" }, { type: "accepted", now: 0 })).toEqual({
      state: waiting,
      effects: [],
    });
    expect(run(connecting, { type: "accepted", now: 0 }, { type: "elapsed" })).toEqual({
      state: connecting,
      effects: [],
    });
    const ready: ClientState = { name: "ready", failures: 0, since: 0 };
    expect(run(ready, { type: "opened" }, { type: "accepted", now: 5 })).toEqual({ state: ready, effects: [] });
  });
});
