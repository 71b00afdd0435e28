import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Deadlines } from "../src/deadlines.js";

let over: string[] = [];
beforeEach(() => {
  vi.useFakeTimers();
  over = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const make = (): Deadlines<string> => new Deadlines(1000, (item) => over.push(item));

it("calls back for each item when its time is over, with one timer for all", () => {
  const deadlines = make();
  deadlines.add("a");
  vi.advanceTimersByTime(400);
  deadlines.add("b");
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(599);
  expect(over).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(over).toEqual(["a"]);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(399);
  expect(over).toEqual(["a"]);
  vi.advanceTimersByTime(1);
  expect(over).toEqual(["a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("an item that was deleted is not called for, and the last takes the timer along", () => {
  const deadlines = make();
  deadlines.delete("never added");
  deadlines.add("a");
  deadlines.add("b");
  deadlines.delete("a");
  expect(vi.getTimerCount()).toBe(1);
  deadlines.delete("b");
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(2000);
  expect(over).toEqual([]);
});

it("expire(Infinity) calls back for all at once, and leaves no timer", () => {
  const deadlines = make();
  deadlines.expire(Infinity);
  deadlines.add("a");
  deadlines.add("b");
  deadlines.expire(Infinity);
  expect(over).toEqual(["a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("items may be added and deleted while others are called for", () => {
  const deadlines: Deadlines<string> = new Deadlines(1000, (item) => {
    over.push(item);
    if (item === "a") {
      deadlines.delete("b");
      deadlines.add("d");
    }
  });
  for (const item of ["a", "b", "c"]) deadlines.add(item);
  vi.advanceTimersByTime(1000);
  expect(over).toEqual(["a", "c"]);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(over).toEqual(["a", "c", "d"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("a timer that comes early waits for the rest", () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(100);
  const deadlines = make();
  deadlines.add("a");
  now.mockReturnValue(1099.7);
  vi.advanceTimersByTime(1000);
  expect(over).toEqual([]);
  now.mockReturnValue(1100.2);
  vi.advanceTimersByTime(1);
  expect(over).toEqual(["a"]);
  now.mockRestore();
});

it("after a blocked loop one more turn is waited for, in which what has come is read", () => {
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  const deadlines = make();
  deadlines.add("a");
  deadlines.add("b");
  // The block may end just after the time was over.
  now.mockReturnValue(1050);
  vi.advanceTimersByTime(1000);
  expect(over).toEqual([]);
  deadlines.delete("a");
  vi.advanceTimersByTime(1);
  expect(over).toEqual(["b"]);
  now.mockRestore();
});
