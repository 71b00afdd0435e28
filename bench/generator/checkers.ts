import type { Ring } from "./ring.js";

/** Reads what one connection receives, and throws where it is not what has to come. */
export interface Checker {
  /** How many answers these bytes complete. */
  push(chunk: Buffer): number;
}

const LOOP_UP_TO = 64;

const isEqual = (a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): boolean => {
  if (length > LOOP_UP_TO) return a.compare(b, bStart, bStart + length, aStart, aStart + length) === 0;
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
};

const show = (bytes: Buffer, at: number): string => JSON.stringify(bytes.toString("latin1", at, at + 40));

const wrong = (bytes: Buffer, at: number, expected?: Buffer, expectedAt = 0): Error =>
  new Error(
    `a wrong answer: ${show(bytes, at)}${expected === undefined ? "" : ` in place of ${show(expected, expectedAt)}`}`,
  );

/** Answers of which every byte is known. */
export class ExactChecker implements Checker {
  readonly #expected: Ring;
  readonly #size: number;
  #offset = 0;

  constructor(expected: Ring) {
    this.#expected = expected;
    this.#size = expected.count * expected.frameSize;
  }

  push(chunk: Buffer): number {
    const { frameSize, bytes } = this.#expected;
    let done = 0;
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, this.#size - this.#offset);
      if (!isEqual(chunk, at, bytes, this.#offset, length)) throw wrong(chunk, at, bytes, this.#offset);
      at += length;
      done += Math.floor(((this.#offset % frameSize) + length) / frameSize);
      this.#offset = (this.#offset + length) % this.#size;
    }
    return done;
  }
}

const EMPTY = Buffer.alloc(0);
const ID = Buffer.from('j\0"n:');
const ID_END = Buffer.from('"\0');
const BINARY = 0x82;
const PING = 0x89;

/**
 * Answers of an ezez server: the frame's header, the event's name and the server's id (which is not known before) make the
 * head; the rest, from `replyTo` on, is known to the byte.
 */
export class EzezChecker implements Checker {
  readonly #name: Buffer;
  readonly #tails: Ring;
  readonly #onPing: () => void;
  #position = 0;
  // Bytes of the current answer's tail that have to come; 0 between two answers.
  #missing = 0;
  #carried = EMPTY;

  constructor(name: Buffer, tails: Ring, onPing: () => void) {
    this.#name = name;
    this.#tails = tails;
    this.#onPing = onPing;
  }

  push(chunk: Buffer): number {
    const bytes = this.#carried.length === 0 ? chunk : Buffer.concat([this.#carried, chunk]);
    this.#carried = EMPTY;
    const { frameSize, count, bytes: tails } = this.#tails;
    let done = 0;
    for (let at = 0; at < bytes.length; ) {
      if (this.#missing === 0) {
        if (bytes[at] === PING && bytes[at + 1] === 0) {
          this.#onPing();
          at += 2;
          continue;
        }
        const head = this.#head(bytes, at);
        if (head === 0) {
          this.#carried = Buffer.from(bytes.subarray(at));
          break;
        }
        at += head;
        this.#missing = frameSize;
      }
      const length = Math.min(bytes.length - at, this.#missing);
      const tail = this.#position * frameSize + frameSize - this.#missing;
      if (!isEqual(bytes, at, tails, tail, length)) throw wrong(bytes, at, tails, tail);
      at += length;
      this.#missing -= length;
      if (this.#missing > 0) break;
      done++;
      this.#position = (this.#position + 1) % count;
    }
    return done;
  }

  /** The length of the head, or 0 where more bytes are needed. */
  #head(bytes: Buffer, start: number): number {
    const available = bytes.length - start;
    if (available < 2) return 0;
    let length = bytes[start + 1] ?? 0;
    let payload = start + 2;
    if (length >= 126) {
      const wide = length === 127;
      payload = start + (wide ? 10 : 4);
      if (bytes.length < payload) return 0;
      length = wide ? bytes.readUInt32BE(payload - 4) : bytes.readUInt16BE(start + 2);
    }
    if (bytes[start] !== BINARY) throw wrong(bytes, start);
    const headLength = length - this.#tails.frameSize;
    if (headLength <= this.#name.length || headLength > 125) throw wrong(bytes, start);
    if (bytes.length < payload + headLength) return 0;
    if (!isEqual(bytes, payload, this.#name, 0, this.#name.length)) throw wrong(bytes, start);
    // The part of the id: <length>j\0"n:<digits>"\0
    let at = payload + this.#name.length;
    let size = 0;
    for (; isDigit(bytes[at]); at++) size = size * 10 + (bytes[at] ?? 0) - ZERO;
    const end = payload + headLength;
    if (!isEqual(bytes, at, ID, 0, ID.length) || at + 2 + size + 1 !== end) throw wrong(bytes, start);
    for (at += ID.length; at < end - 2; at++) if (!isDigit(bytes[at])) throw wrong(bytes, start);
    if (!isEqual(bytes, at, ID_END, 0, 2)) throw wrong(bytes, start);
    return end - start;
  }
}

const ZERO = 0x30;

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= 0x39;
