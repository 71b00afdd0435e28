import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TokenBucket } from "../src/token-bucket.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const takeAll = (bucket: TokenBucket): number => {
  let taken = 0;
  while (bucket.take()) taken++;
  return taken;
};

it("is full at first, and saves up no more than one second's", () => {
  const bucket = new TokenBucket(10);
  expect(takeAll(bucket)).toBe(10);
  vi.advanceTimersByTime(60_000);
  expect(takeAll(bucket)).toBe(10);
});

it("fills evenly", () => {
  const bucket = new TokenBucket(10);
  takeAll(bucket);
  vi.advanceTimersByTime(99);
  expect(bucket.take()).toBe(false);
  vi.advanceTimersByTime(1);
  expect(bucket.take()).toBe(true);
  expect(bucket.take()).toBe(false);
  vi.advanceTimersByTime(500);
  expect(takeAll(bucket)).toBe(5);
});
