import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Heartbeat } from "../src/heartbeat.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

class Beating {
  silence = 0;
  alive = true;
  canPing = true;
  pings = 0;
  lost = 0;
  sweeps: number[] = [];
  constructor(private readonly answers = false) {}
  ping(): void {
    this.pings++;
    if (this.answers) this.silence = 0;
  }
  heartbeatLost(): void {
    this.lost++;
    this.alive = false;
  }
  expireReplies(now: number): void {
    this.sweeps.push(now);
  }
}

const start = (sessions: Beating[], heartbeatIntervalMs = 1000, clearAwaitingRepliesAfterMs = 300_000): Heartbeat => {
  const heartbeat = new Heartbeat(sessions, { heartbeatIntervalMs, clearAwaitingRepliesAfterMs });
  heartbeat.start();
  return heartbeat;
};

it("pings at every interval, and gives up who is silent for two of them", () => {
  const silent = new Beating();
  const answering = new Beating(true);
  const heartbeat = start([silent, answering]);
  vi.advanceTimersByTime(999);
  expect(silent.pings).toBe(0);
  vi.advanceTimersByTime(1);
  expect([silent.pings, answering.pings]).toEqual([1, 1]);
  vi.advanceTimersByTime(1000);
  expect([silent.pings, silent.lost]).toEqual([2, 0]);
  vi.advanceTimersByTime(1000);
  expect([silent.pings, silent.lost]).toEqual([2, 1]);
  vi.advanceTimersByTime(10_000);
  expect([silent.pings, silent.lost]).toEqual([2, 1]);
  expect([answering.pings, answering.lost]).toEqual([13, 0]);
  heartbeat.stop();
});

it("whoever is heard within two intervals stays", () => {
  const late = new Beating();
  start([late]);
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(1000);
    if (i % 2 === 1) late.silence = 0;
  }
  expect([late.pings, late.lost]).toEqual([20, 0]);
});

it("leaves alone who cannot be pinged or is gone", () => {
  const mute = new Beating();
  mute.canPing = false;
  const gone = new Beating();
  gone.alive = false;
  start([mute, gone]);
  vi.advanceTimersByTime(10_000);
  expect([mute.pings, mute.lost, gone.pings, gone.lost]).toEqual([0, 0, 0, 0]);
});

it("after a beat that comes late, nobody is given up before one more round", () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  const silent = new Beating();
  start([silent]);
  const beat = (time: number): void => {
    now.mockReturnValue(time);
    vi.advanceTimersByTime(1000);
  };
  beat(1000);
  beat(2000);
  expect(silent.pings).toBe(2);
  beat(62_000);
  expect([silent.pings, silent.lost]).toEqual([3, 0]);
  beat(63_000);
  expect(silent.lost).toBe(1);
  now.mockRestore();
});

it("an interval of 0 pings nobody, and still sweeps", () => {
  const session = new Beating();
  const heartbeat = start([session], 0);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(30_000);
  expect([session.pings, session.sweeps.length]).toEqual([0, 2]);
  heartbeat.stop();
});

it.each([
  [300_000, 15_000],
  [1000, 1000],
])("replies that wait %i ms are swept every %i ms", (clearAfter, every) => {
  const session = new Beating(true);
  const heartbeat = start([session], 1000, clearAfter);
  const from = performance.now();
  vi.advanceTimersByTime(every * 3);
  expect(session.sweeps.map((time) => Math.round(time - from))).toEqual([every, every * 2, every * 3]);
  heartbeat.stop();
});

it("start twice runs once; stop leaves no timer and lets it start again", () => {
  const session = new Beating(true);
  const heartbeat = start([session]);
  heartbeat.start();
  vi.advanceTimersByTime(1000);
  expect(session.pings).toBe(1);
  heartbeat.stop();
  expect(vi.getTimerCount()).toBe(0);
  heartbeat.stop();
  heartbeat.start();
  vi.advanceTimersByTime(1000);
  expect(session.pings).toBe(2);
  heartbeat.stop();
});
