import type { SendStatus, Socket } from "./socket.js";

// The longest that a server's frame has (RFC 6455 section 5.2). Bytes.
const FRAME_HEADER = 10;

// What pings may come to however low the limit is: a peer that is slow may ask whether we are there. Bytes.
const FEW_PINGS = 64 * 1024;

/** What waits in user space for one peer to read, against the limit for it. */
export class Backpressure {
  readonly #socket: Pick<Socket, "bufferedAmount">;
  readonly #limit: number;
  // Of what we sent no more waits than this; Infinity: ask.
  #atMost = 0;
  // Something has waited, or may have, and nobody was told since that it no longer does.
  #isPending = false;
  // What pings came to that were sent while more waited than may.
  #pings = 0;
  /** A message was refused, and since then the buffer was not empty. */
  hasRefused = false;

  constructor(socket: Pick<Socket, "bufferedAmount">, limit: number) {
    this.#socket = socket;
    this.#limit = limit;
  }

  /** Whether one more message may be sent. Asks the transport only where it must: on some that costs as much as sending. */
  hasRoom(): boolean {
    if (this.#atMost > this.#limit) this.#atMost = this.#socket.bufferedAmount;
    return this.#atMost <= this.#limit;
  }

  /** A message was handed over by itself. */
  sent(status: SendStatus): void {
    // All before it has gone, too. The transport still tells so, which ends what is pending.
    if (status === "sent") this.#atMost = 0;
    else if (status === "queued") this.queued();
  }

  /** A message was handed over with a group's, of which nobody tells what became. */
  sentWithGroup(byteLength: number): void {
    this.#atMost += byteLength + FRAME_HEADER;
    this.#isPending = true;
  }

  queued(): void {
    this.#atMost = Infinity;
    this.#isPending = true;
  }

  /** The transport tells that bytes went: whether it is news that none wait. */
  drained(): boolean {
    if (!this.#isPending || this.#socket.bufferedAmount > 0) return false;
    this.#atMost = 0;
    this.#isPending = false;
    this.hasRefused = false;
    return true;
  }

  /**
   * A ping came. Runtimes answer pings past every limit of ours: a peer that only asks, and never reads, must not fill the
   * memory. One that is slow, and asks whether we are there, is no such peer.
   * @param held what the answers that wait take in memory, where that is known
   * @returns whether they have come to too much
   */
  pinged(byteLength: number, held = 0): boolean {
    const most = Math.max(this.#limit, FEW_PINGS);
    if (held > most) return true;
    if (this.#socket.bufferedAmount <= this.#limit) {
      this.#pings = 0;
      return false;
    }
    this.#pings += byteLength + FRAME_HEADER;
    return this.#pings > most;
  }
}
