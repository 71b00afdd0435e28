import { EZEZError } from "@ezez-ws/core";

const MESSAGES = 1000;
const BYTES = 1024 * 1024;

/** What the queue needs of a message. */
interface Queueable {
  readonly bytes: Uint8Array;
  readonly onReply: unknown;
}

/** Encoded messages that wait for a connection, first in, first out: at most 1,000, and 1 MiB in total. */
export class Queue<T extends Queueable> {
  #messages: T[] = [];

  get size(): number {
    return this.#messages.length;
  }

  /** How many of them will wait for a reply. */
  get awaitingRepliesCount(): number {
    return this.#messages.filter((message) => message.onReply !== undefined).length;
  }

  /** Copies the bytes, which are lent. @throws EZEZError `QUEUE_FULL` */
  push(message: T): void {
    const byteLength = this.#messages.reduce((total, { bytes }) => total + bytes.length, message.bytes.length);
    if (this.size === MESSAGES || byteLength > BYTES) {
      throw new EZEZError("QUEUE_FULL", `more than ${MESSAGES} messages or ${BYTES} bytes`, { stage: "send" });
    }
    this.#messages.push({ ...message, bytes: message.bytes.slice() });
  }

  shift(): T | undefined {
    return this.#messages.shift();
  }

  /** Puts back what {@link shift} gave. */
  unshift(message: T): void {
    this.#messages.unshift(message);
  }

  /** Keeps only the messages that pass. */
  retain(keep: (message: T) => boolean): void {
    this.#messages = this.#messages.filter(keep);
  }
}
