// A timer that comes this late tells of a blocked loop, in which what was received could not be read either.
const LATE_MS = 20;

/**
 * Calls back for each item when it has been here for a fixed time. All wait equally long, so insertion order is the
 * order of their ends, and one timer serves all.
 */
export class Deadlines<T> {
  readonly #ends = new Map<T, number>();
  readonly #milliseconds: number;
  readonly #expired: (item: T) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number, expired: (item: T) => void) {
    this.#milliseconds = milliseconds;
    this.#expired = expired;
  }

  add(item: T): void {
    this.#ends.set(item, performance.now() + this.#milliseconds);
    if (this.#timer === undefined) this.#arm(this.#milliseconds);
  }

  delete(item: T): void {
    this.#ends.delete(item);
    if (this.#ends.size === 0) this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(milliseconds: number, patient = true): void {
    const due = performance.now() + milliseconds;
    this.#timer = setTimeout(() => {
      // One more turn of the loop, so that what has arrived meanwhile is read first.
      if (patient && performance.now() - due > LATE_MS) this.#arm(0, false);
      else this.expire();
    }, milliseconds);
  }

  /** Calls back for each whose time is over at `now`: for all of them with `Infinity`. */
  expire(now: number = performance.now()): void {
    this.#stop();
    for (const [item, end] of this.#ends) {
      if (end > now) {
        // Timers may come a fraction of a millisecond early. What `expired` added may have armed it already.
        if (this.#timer === undefined) this.#arm(Math.ceil(end - now));
        return;
      }
      this.#ends.delete(item);
      this.#expired(item);
    }
  }
}
