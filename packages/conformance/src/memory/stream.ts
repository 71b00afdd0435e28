import { Duplex } from "node:stream";
import { nextTurn } from "../time.js";

// What a sender gets rid of before its peer reads, as kernels take it.
const BUFFER_BYTES = 256 * 1024;

/** One end of a connection within the process, which behaves as one of TCP does. */
export class MemoryStream extends Duplex {
  #peer: MemoryStream | undefined;
  #onTheWay = 0;
  #resets = false;
  /** The peer's write, which goes on when enough was read here. */
  #accepted: (() => void) | undefined;

  constructor() {
    super({ readableHighWaterMark: BUFFER_BYTES });
  }

  static pair(): [MemoryStream, MemoryStream] {
    const ends: [MemoryStream, MemoryStream] = [new MemoryStream(), new MemoryStream()];
    ends[0].#peer = ends[1];
    ends[1].#peer = ends[0];
    return ends;
  }

  /** An end whose peer does not exist. */
  static refused(): MemoryStream {
    const stream = new MemoryStream();
    nextTurn(() => stream.destroy(new Error("ECONNREFUSED")));
    return stream;
  }

  /** As that of `net.Socket`. */
  resetAndDestroy(): this {
    this.#resets = true;
    return this.destroy();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, accepted: () => void): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    peer.#onTheWay += chunk.length;
    const waits = peer.#onTheWay + peer.readableLength > BUFFER_BYTES;
    nextTurn(() => peer.#arrive(chunk, waits ? accepted : undefined));
    if (!waits) accepted();
  }

  override _final(done: () => void): void {
    const peer = this.#peer;
    nextTurn(() => {
      if (peer?.destroyed === false) peer.push(null);
    });
    done();
  }

  override _read(): void {
    const accepted = this.#accepted;
    this.#accepted = undefined;
    accepted?.();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.#peer;
    const resets = this.#resets || this.readableLength > 0 || this.#accepted !== undefined;
    const ended = this.writableFinished;
    nextTurn(() => {
      if (peer === undefined || peer.destroyed) return;
      if (resets) peer.destroy(reset());
      else if (!ended) peer.push(null);
    });
    done(error);
  }

  #arrive(chunk: Buffer, accepted: (() => void) | undefined): void {
    this.#onTheWay -= chunk.length;
    if (this.destroyed) nextTurn(() => this.#peer?.destroy(reset()));
    else if (this.push(chunk)) accepted?.();
    else this.#accepted = accepted;
  }
}

const reset = (): Error => new Error("ECONNRESET");
