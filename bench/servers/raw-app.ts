import { FrameCodec } from "@ezez-ws/core";

// The same work on a runtime alone: a message goes back as it is, but for those of one byte, which are orders.
export const BROADCAST = 1;
export const ASK = 2;

const codec = new FrameCodec();
const message = (eventName: string): Buffer => Buffer.from(codec.encode(eventName, 1, null, ["hello"]));

// The bytes that ezez would send.
export const NEWS = message("news");
export const QUESTION = message("question");

/** Asks every client and counts what comes back: while a round lasts, every message is an answer. */
export class Round<TSocket> {
  #missing = 0;
  #asker: TSocket | undefined;
  readonly #clients: ReadonlySet<TSocket>;
  readonly #send: (socket: TSocket, bytes: Uint8Array) => void;

  constructor(clients: ReadonlySet<TSocket>, send: (socket: TSocket, bytes: Uint8Array) => void) {
    this.#clients = clients;
    this.#send = send;
  }

  get lasts(): boolean {
    return this.#missing > 0;
  }

  start(asker: TSocket): void {
    this.#asker = asker;
    this.#missing = this.#clients.size;
    for (const client of this.#clients) this.#send(client, QUESTION);
  }

  answered(): void {
    this.#missing--;
    if (this.#missing === 0 && this.#asker !== undefined) this.#send(this.#asker, ORDER_DONE);
  }
}

const ORDER_DONE = Buffer.from([ASK]);
