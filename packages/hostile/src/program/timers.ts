/** Timers that are set and have neither fired nor been cleared. Imported before all that sets any. */
export const liveTimers = new Set<unknown>();

const { setTimeout: timeout, setInterval: interval, clearTimeout: clear } = globalThis;

type AnyFunction = (...parameters: unknown[]) => unknown;

const forget = (timer: unknown): void => {
  liveTimers.delete(timer);
  clear(timer as ReturnType<typeof setTimeout>);
};

Object.assign(globalThis, {
  setTimeout: (callback: AnyFunction, milliseconds?: number, ...parameters: unknown[]) => {
    const timer = timeout(() => {
      liveTimers.delete(timer);
      callback(...parameters);
    }, milliseconds);
    liveTimers.add(timer);
    return timer;
  },
  setInterval: (callback: AnyFunction, milliseconds?: number, ...parameters: unknown[]) => {
    const timer = interval(callback, milliseconds, ...parameters);
    liveTimers.add(timer);
    return timer;
  },
  clearTimeout: forget,
  clearInterval: forget,
});
