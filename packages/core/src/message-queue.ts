const FIRST_ROOM = 1024;

/** Messages that wait, as bytes in one piece of memory: decoded they may take 26 times as much. */
export class MessageQueue {
  #memory = new Uint8Array(FIRST_ROOM);
  readonly #ends: number[] = [];

  /** Bytes. */
  get size(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Copies the message. */
  add(message: Uint8Array): void {
    const start = this.size;
    const end = start + message.length;
    if (end > this.#memory.length) {
      const memory = new Uint8Array(Math.max(end, this.#memory.length * 2));
      memory.set(this.#memory);
      this.#memory = memory;
    }
    this.#memory.set(message, start);
    this.#ends.push(end);
  }

  /** In the order in which they were added; lent. */
  *[Symbol.iterator](): Generator<Uint8Array> {
    let start = 0;
    for (const end of this.#ends) {
      yield this.#memory.subarray(start, end);
      start = end;
    }
  }
}
