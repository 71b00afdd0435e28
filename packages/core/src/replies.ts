import { EZEZError } from "./errors.js";

interface Waiting<TOnReply> {
  readonly onReply: TOnReply;
  readonly since: number;
}

interface ReplyLimits {
  readonly maxAwaitingReplies: number;
  readonly clearAwaitingRepliesAfterMs: number;
}

/**
 * The messages that wait for a reply: id -> callback. Insertion order is age, since all wait equally long; so expiry
 * stops at the first that is young enough. Times are `performance.now()`'s.
 */
export class Replies<TOnReply> {
  // Made on first use: most connections ask nothing.
  #waiting: Map<number, Waiting<TOnReply>> | undefined;

  readonly #limits: ReplyLimits;

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting?.size ?? 0;
  }

  /** @throws EZEZError `TOO_MANY_AWAITING_REPLIES` */
  add(eventId: number, onReply: TOnReply): void {
    const { maxAwaitingReplies } = this.#limits;
    if (this.size >= maxAwaitingReplies) {
      const message = `${maxAwaitingReplies} messages wait for a reply already`;
      throw new EZEZError("TOO_MANY_AWAITING_REPLIES", message, { stage: "send" });
    }
    this.#waiting ??= new Map();
    this.#waiting.set(eventId, { onReply, since: performance.now() });
  }

  /** The callback that waits for this id, which then waits no longer; `undefined` where none does, or not any more. */
  take(eventId: number): TOnReply | undefined {
    const waiting = this.#waiting?.get(eventId);
    if (waiting === undefined) return undefined;
    this.#waiting?.delete(eventId);
    return this.#isOld(waiting, performance.now()) ? undefined : waiting.onReply;
  }

  delete(eventId: number): void {
    this.#waiting?.delete(eventId);
  }

  /** Forgets those that have waited too long. */
  expire(now: number): void {
    if (this.#waiting === undefined) return;
    for (const [eventId, waiting] of this.#waiting) {
      if (!this.#isOld(waiting, now)) return;
      this.#waiting.delete(eventId);
    }
  }

  clear(): void {
    this.#waiting = undefined;
  }

  #isOld(waiting: Waiting<TOnReply>, now: number): boolean {
    return now - waiting.since >= this.#limits.clearAwaitingRepliesAfterMs;
  }
}
