import { afterAll, beforeAll, vi } from "vitest";

// Real, also while time is simulated.
const { setImmediate } = globalThis;

let underWay = 0;

/** Calls in a turn of the loop of its own, in order. */
export const nextTurn = (call: () => void): void => {
  underWay++;
  setImmediate(() => {
    underWay--;
    call();
  });
};

/** What the process waits for that is neither a timer nor in memory: simulated time stands still until then. */
export const outside = async <T>(work: Promise<T>): Promise<T> => {
  underWay++;
  try {
    return await work;
  } finally {
    underWay--;
  }
};

/** Whose time passes: the clock's, or none at all. */
export type Time = "real" | "simulated";

/**
 * Simulated, timers take no time in the tests of the surrounding `describe`: when nothing is under way any more, the clock
 * goes straight to the next one. So nothing that happens in memory is ever late.
 */
export const useTime = (time: Time): void => {
  if (time === "real") return;
  let end: () => void;
  beforeAll(() => {
    end = simulate();
  });
  afterAll(() => end());
};

const simulate = (): (() => void) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  let ended = false;
  const turn = (): void => {
    if (ended) return;
    // Microtasks and ticks are done before each turn.
    if (underWay === 0) vi.advanceTimersToNextTimer();
    setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    ended = true;
    vi.useRealTimers();
  };
};
