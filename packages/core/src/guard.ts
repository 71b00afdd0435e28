export const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";

/** Calls the user's code, which may throw, or return a promise that rejects. */
export const guard = (call: () => unknown, failed: (cause: unknown) => void): void => {
  try {
    const result = call();
    if (isPromiseLike(result)) Promise.resolve(result).then(undefined, failed);
  } catch (cause) {
    failed(cause);
  }
};
