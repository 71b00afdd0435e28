// Imported before anything else, so that every timer of the library and of what it stands on is counted.

const live = new Set<unknown>();
const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;

type Callback = (...args: unknown[]) => void;

const countedTimeout = (callback: Callback, milliseconds?: number, ...args: unknown[]): unknown => {
  const timer = setTimeout(() => {
    live.delete(timer);
    callback(...args);
  }, milliseconds);
  live.add(timer);
  return timer;
};

const countedInterval = (callback: Callback, milliseconds?: number, ...args: unknown[]): unknown => {
  const timer = setInterval(callback, milliseconds, ...args);
  live.add(timer);
  return timer;
};

const counted =
  (clear: typeof clearTimeout) =>
  (timer: unknown): void => {
    live.delete(timer);
    clear(timer as never);
  };

globalThis.setTimeout = countedTimeout as typeof setTimeout;
globalThis.setInterval = countedInterval as typeof setInterval;
globalThis.clearTimeout = counted(clearTimeout);
globalThis.clearInterval = counted(clearInterval);

/** Timers that were set and neither fired nor were cleared. */
export const liveTimers = (): number => live.size;
