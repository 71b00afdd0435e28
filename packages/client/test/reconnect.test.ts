import { describe, expect, it } from "vitest";
import { reconnectDelay } from "../src/reconnect.js";

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
