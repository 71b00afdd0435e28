export const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";

/** What the user's code must answer at once: throws at a promise, whose failure would be nobody's. */
export const atOnce = <T>(option: string, answer: T): T => {
  if (!isPromiseLike(answer)) return answer;
  Promise.resolve(answer).catch(() => undefined);
  throw new TypeError(`${option} must not give a promise`);
};

/** Calls the user's code, which may throw, or return a promise that rejects. */
export const guard = (call: () => unknown, failed: (cause: unknown) => void): void => {
  try {
    const result = call();
    if (isPromiseLike(result)) Promise.resolve(result).then(undefined, failed);
  } catch (cause) {
    failed(cause);
  }
};
