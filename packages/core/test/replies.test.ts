import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Replies } from "../src/replies.js";
import { errorOf } from "./codec.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const make = (maxAwaitingReplies = 10, clearAwaitingRepliesAfterMs = 1000): Replies<string> =>
  new Replies({ maxAwaitingReplies, clearAwaitingRepliesAfterMs });

it("gives each callback once, by its id", () => {
  const replies = make();
  expect(replies.size).toBe(0);
  expect(replies.take(1)).toBeUndefined();
  replies.add(1, "a");
  replies.add(2, "b");
  expect(replies.size).toBe(2);
  expect(replies.take(2)).toBe("b");
  expect(replies.take(2)).toBeUndefined();
  expect(replies.take(3)).toBeUndefined();
  expect(replies.take(1)).toBe("a");
  expect(replies.size).toBe(0);
});

it("refuses one too many, and has room again once one is gone", () => {
  const replies = make(2);
  replies.add(1, "a");
  replies.add(2, "b");
  expect(errorOf(() => replies.add(3, "c"))).toMatchObject({
    code: "TOO_MANY_AWAITING_REPLIES",
    message: expect.stringContaining("2 messages"),
    stage: "send",
  });
  replies.delete(1);
  replies.add(3, "c");
  expect(replies.size).toBe(2);
});

it("has no limit where it is Infinity", () => {
  const replies = make(Infinity);
  for (let i = 1; i <= 20_000; i++) replies.add(i, "a");
  for (let i = 20_000; i >= 1; i--) expect(replies.take(i)).toBe("a");
});

it("gives up exactly those that have waited long enough", () => {
  const replies = make();
  replies.add(1, "a");
  vi.advanceTimersByTime(400);
  replies.add(2, "b");
  vi.advanceTimersByTime(599);
  replies.expire(performance.now());
  expect(replies.size).toBe(2);
  vi.advanceTimersByTime(1);
  replies.expire(performance.now());
  expect(replies.size).toBe(1);
  expect(replies.take(2)).toBe("b");
});

it("a reply that comes too late finds nothing, though no sweep has come by", () => {
  const replies = make();
  replies.add(1, "a");
  vi.advanceTimersByTime(1000);
  expect(replies.take(1)).toBeUndefined();
  expect(replies.size).toBe(0);
});

it("delete, expire and clear of nothing do nothing; clear forgets all", () => {
  const replies = make();
  replies.delete(1);
  replies.expire(0);
  replies.clear();
  replies.add(1, "a");
  replies.clear();
  expect(replies.size).toBe(0);
  expect(replies.take(1)).toBeUndefined();
});

it("the wall clock does not matter", () => {
  const replies = make();
  replies.add(1, "a");
  vi.setSystemTime(Date.now() + 3_600_000);
  replies.expire(performance.now());
  expect(replies.take(1)).toBe("a");
});
