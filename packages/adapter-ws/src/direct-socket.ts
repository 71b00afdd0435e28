import type { Socket as NetSocket } from "node:net";
import type { SendStatus, Socket, SocketHandler } from "@ezez-ws/core";
import type { WebSocket } from "ws";

// ws hands each message to the kernel at once. Here all that a connection sends in one turn of the event loop goes in one
// system call, by cork and uncork of its network socket: https://nodejs.org/api/stream.html#writablecork

// More than this waits for no end of a turn, so that what the kernel does not take is known early. Bytes.
const MOST_CORKED = 64 * 1024;

// A message that ws hands over comes a turn after the one before it (`allowSynchronousEvents: false`), so that replies to
// what came in one TCP segment are spread over turns. While each turn has one they wait for each other, but not for longer
// than this: a turn can take any time. Milliseconds.
const LONGEST_WAIT = 10;

// TLS takes whatever it is given a turn later: only more than this is taken for waiting. Bytes.
const TLS_TURN = 64 * 1024;

const EMPTY = Buffer.alloc(0);

let dirty: DirectSocket[] = [];

const endTurn = (): void => {
  const writers = dirty;
  dirty = [];
  framed = undefined;
  const now = performance.now();
  for (const writer of writers) if (!writer.endTurn(now)) dirty.push(writer);
  if (dirty.length > 0) setImmediate(endTurn);
};

const FIN_AND_BINARY = 0x82;

/** A server's frame around a message (RFC 6455 section 5.2). */
const frame = (message: Uint8Array): Buffer => {
  const { length } = message;
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(start + length);
  bytes[0] = FIN_AND_BINARY;
  if (start === 2) bytes[1] = length;
  else if (start === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(0, 2);
    bytes.writeUInt32BE(length, 6);
  }
  bytes.set(message, start);
  return bytes;
};

// The last message and its frame: a broadcast hands the same bytes to every connection.
let framed: { readonly message: Uint8Array; readonly frame: Buffer } | undefined;

const framedOnce = (message: Uint8Array): Buffer => {
  if (framed?.message !== message) framed = { message, frame: frame(message) };
  return framed.frame;
};

/** A connection whose messages go past ws to its network socket. */
export class DirectSocket implements Socket<WebSocket> {
  handler: SocketHandler | undefined;
  readonly #socket: NetSocket;
  readonly #written: () => void;
  readonly #slack: number;
  // Bytes that are corked, and since when.
  #corked = 0;
  #since = 0;
  #wroteThisTurn = false;
  /** Some bytes wait for the kernel; then nothing is corked. */
  #isCongested = false;
  #isDirty = false;
  #looksAgain = false;

  constructor(
    readonly raw: WebSocket,
    socket: NetSocket,
  ) {
    this.#socket = socket;
    this.#slack = "encrypted" in socket ? TLS_TURN : 0;
    this.#written = () => {
      // What was written to a socket that is destroyed has not gone anywhere.
      if (!this.#isCongested || socket.destroyed) return;
      if (socket.writableLength > 0) {
        this.#lookAgain();
        return;
      }
      this.#isCongested = false;
      this.handler?.drain();
    };
  }

  get bufferedAmount(): number {
    return this.#corked > 0 ? 0 : this.#socket.writableLength;
  }

  send(message: Uint8Array): SendStatus {
    if (this.raw.readyState !== this.raw.OPEN) return "dropped";
    this.#markDirty();
    if (this.#isCongested) {
      this.#socket.write(framedOnce(message), this.#written);
      return "queued";
    }
    if (this.#corked > 0) this.#socket.write(framedOnce(message));
    else {
      this.#socket.cork();
      this.#since = performance.now();
      // Once for all that is corked: the callbacks of what is written together come together.
      this.#socket.write(framedOnce(message), this.#written);
    }
    this.#corked = this.#socket.writableLength;
    this.#wroteThisTurn = true;
    if (this.#corked > MOST_CORKED) this.#flush();
    return this.#isCongested ? "queued" : "sent";
  }

  close(code: number, reason: string): void {
    this.raw.close(code, reason);
    this.#flush();
  }

  terminate(): void {
    this.#flush();
    this.raw.terminate();
  }

  ping(): void {
    this.raw.ping();
  }

  /** Whether all was handed over: false where more may come in the next turn. */
  endTurn(now: number): boolean {
    if (this.#corked > 0 && this.#wroteThisTurn && now - this.#since < LONGEST_WAIT) {
      this.#wroteThisTurn = false;
      return false;
    }
    this.#isDirty = false;
    this.#flush();
    return true;
  }

  #flush(): void {
    if (this.#corked === 0) return;
    this.#corked = 0;
    this.#socket.uncork();
    this.#isCongested = this.#socket.writableLength > this.#slack;
    if (this.#isCongested) this.handler?.queued();
  }

  // What ws has written itself, pongs say, is still to go, and tells nobody.
  #lookAgain(): void {
    if (this.#looksAgain) return;
    this.#looksAgain = true;
    this.#socket.write(EMPTY, () => {
      this.#looksAgain = false;
      this.#written();
    });
  }

  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    if (dirty.push(this) === 1) setImmediate(endTurn);
  }
}
