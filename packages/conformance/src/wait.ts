/** How long anything may take here. Far above what it takes: a test that gets there fails. A busy machine may be given more. */
export const DEADLINE_MS = Number(process.env.WAIT_DEADLINE_MS ?? 5000);

/** The promise's value; rejects, naming what was awaited, when it takes too long. */
export const within = async <T>(promise: Promise<T>, what: string, milliseconds = DEADLINE_MS): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Resolves when the condition holds, which is tried again and again. */
export const until = async (holds: () => boolean, what: string, milliseconds = DEADLINE_MS): Promise<void> => {
  const end = performance.now() + milliseconds;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** A promise that the case settles when it wants. */
export const gate = <T>() => {
  let open: (value: T) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const passed = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { passed, open, fail };
};

/** A value that waits, once, for whoever asks for it. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: { resolve(item: T): void; reject(error: Error): void }[] = [];
  #end: Error | undefined;

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting.resolve(item);
  }

  /** Nothing more comes: whoever waits, or asks later for more than there is, is told why. */
  end(why: Error): void {
    this.#end ??= why;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#end);
  }

  async next(what: string, milliseconds?: number): Promise<T> {
    if (this.#items.length > 0) return this.#items.shift() as T;
    if (this.#end !== undefined) throw new Error(`${what}: ${this.#end.message}`);
    const { passed, open, fail } = gate<T>();
    const waiting = { resolve: open, reject: fail };
    this.#waiting.push(waiting);
    try {
      return await within(passed, what, milliseconds);
    } catch (error) {
      // Whoever gave up takes nothing from who asks next.
      const index = this.#waiting.indexOf(waiting);
      if (index !== -1) this.#waiting.splice(index, 1);
      throw error;
    }
  }

  /** What has come and was not asked for. */
  get unread(): readonly T[] {
    return this.#items;
  }
}
