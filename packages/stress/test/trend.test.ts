import { expect, it } from "vitest";
import { growthPerSecond } from "../src/soak/trend.js";

const points = (value: (seconds: number) => number) =>
  Array.from({ length: 100 }, (_, i) => ({ seconds: i * 5, value: value(i * 5) }));

it("finds the growth of a line", () => {
  expect(growthPerSecond(points((seconds) => 10_000 + 3 * seconds))).toBeCloseTo(3);
});

it("finds it under what comes and goes", () => {
  expect(growthPerSecond(points((seconds) => 3 * seconds + (seconds % 10) * 100))).toBeCloseTo(3, 0);
});

it("is 0 for what stays, and for too few points", () => {
  expect(growthPerSecond(points(() => 42))).toBe(0);
  expect(growthPerSecond([{ seconds: 1, value: 1 }])).toBe(0);
});
