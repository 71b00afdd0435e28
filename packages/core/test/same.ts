/** Whether two decoded values are the same: by kind, content, prototype and the order of keys. NaN is itself, -0 is not 0. */
export const same = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime());
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  const keys = Reflect.ownKeys(a);
  const others = Reflect.ownKeys(b);
  return (
    keys.length === others.length &&
    keys.every((key, i) => key === others[i] && same(Reflect.get(a, key), Reflect.get(b, key)))
  );
};

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
