import { type Acceptor, type Callbacks, createHandshake, EZEZServer, type Listener, type Socket } from "@ezez-ws/core";
import { closePayload, type Frame, Opcode } from "../frames.js";
import type { Context, Events, ServerOptions } from "../row.js";
import { Inbox, within } from "../wait.js";
import type { Ending, HttpResponse, Wire, WireOptions } from "../wire.js";

/** When the transport counts a connection that it closes as closed: within `close`, or once the peer has answered. */
export interface MemoryVariant {
  readonly closesSynchronously: boolean;
}

/** The server on no network at all: the seam of core, and peers in the same process. What every real row has to match. */
export class MemoryServer extends EZEZServer<Events, Events, Context, MemorySocket, MemoryListener> {
  readonly #variant: MemoryVariant;

  constructor(
    variant: MemoryVariant,
    options: ServerOptions,
    callbacks: Callbacks<Events, Events, Context, MemorySocket>,
  ) {
    super({ defaultContext: {}, ...options }, callbacks, bind);
    this.#variant = variant;
  }

  /** A new peer, which has sent its upgrade request. */
  connect(options: WireOptions = {}): MemoryPeer {
    return new MemoryPeer(this.listener.acceptor, this.#variant, options);
  }
}

interface MemoryListener extends Listener {
  readonly acceptor: Acceptor<MemorySocket>;
}

const bind = (acceptor: Acceptor<MemorySocket>): MemoryListener => {
  let listens = false;
  return {
    acceptor,
    listen: async () => {
      listens = true;
    },
    address: () => (listens ? { address: "127.0.0.1", port: 1 } : null),
    stop: async () => {
      listens = false;
    },
  };
};

/** `client.client` of this row. */
export type MemorySocket = MemoryPeer;

type Connected = ReturnType<Acceptor<MemorySocket>["accept"]>;

/** One connection, both its ends; to the outside it is the peer, with the part of `Wire` that transcripts use. */
export class MemoryPeer
  implements
    Pick<
      Wire,
      "response" | "pings" | "isOpen" | "frame" | "close" | "nextFrame" | "closed" | "endTcp" | "reset" | "destroy"
    >
{
  readonly response: Promise<HttpResponse>;
  readonly pings = 0;
  readonly #variant: MemoryVariant;
  readonly #toServer = new Line();
  readonly #toPeer = new Line();
  readonly #frames = new Inbox<Frame>();
  readonly #ended: Promise<Ending>;
  #end: (ending: Ending) => void = () => undefined;
  #seesOpen = true;
  #ending: Ending = { code: 1006, reason: "" };
  // The server's end.
  #handler: Connected | undefined;
  #state: "open" | "closing" | "closed" = "open";

  constructor(acceptor: Acceptor<MemorySocket>, variant: MemoryVariant, options: WireOptions) {
    this.#variant = variant;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.response = this.#upgrade(acceptor, options);
  }

  // ---- The peer's end

  get isOpen(): boolean {
    return this.#seesOpen;
  }

  frame(opcode: number, payload: Uint8Array = Buffer.alloc(0)): void {
    const bytes = Buffer.from(payload);
    this.#toServer.push(() => this.#arrived(opcode, bytes));
  }

  close(code?: number, reason?: string): void {
    this.frame(Opcode.close, closePayload(code, reason));
  }

  nextFrame(what = "a frame", milliseconds?: number): Promise<Frame> {
    return this.#frames.next(what, milliseconds);
  }

  closed(milliseconds?: number): Promise<Ending> {
    return within(this.#ended, "the end of the connection", milliseconds);
  }

  endTcp(): void {
    this.#toServer.push(() => this.#vanished());
  }

  reset(): void {
    this.#over();
    this.#toServer.push(() => this.#vanished());
  }

  destroy(): void {
    this.reset();
  }

  /** Nothing more comes from the server. */
  #over(): void {
    this.#seesOpen = false;
    this.#frames.end(new Error("the connection has ended"));
    this.#end(this.#ending);
  }

  #sawCloseFrame(code: number, reason: string): void {
    this.#seesOpen = false;
    this.#ending = { code, reason };
    this.#frames.end(new Error(`the server closed with ${code} "${reason}"`));
    this.close(code === 1005 ? undefined : code);
  }

  // ---- The server's end

  async #upgrade(acceptor: Acceptor<MemorySocket>, options: WireOptions): Promise<HttpResponse> {
    const given = {
      Host: "127.0.0.1:1",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "",
      "Sec-WebSocket-Version": "13",
      ...options.headers,
    };
    const pairs = Object.entries(given).flatMap(([name, value]) =>
      value === undefined ? [] : [value].flat().map((one): [string, string] => [name, asLatin1(one)]),
    );
    const handshake = createHandshake(options.path ?? "/", pairs, "127.0.0.1");
    await new Promise((resolve) => setImmediate(resolve));
    const admission = await acceptor.admit(handshake);
    if (!("accepted" in admission)) {
      this.#toPeer.push(() => this.#over());
      const headers = Object.entries(admission.headers ?? {}).map(
        ([name, value]) => [name.toLowerCase(), value] as const,
      );
      return { status: admission.status, headers: new Map(headers), body: admission.body ?? "" };
    }
    this.#handler = acceptor.accept(this.#socket(), handshake);
    const chosen = admission.protocol === undefined ? [] : [["sec-websocket-protocol", admission.protocol] as const];
    return { status: 101, headers: new Map(chosen), body: "" };
  }

  #socket(): Socket<MemorySocket> {
    return {
      raw: this,
      bufferedAmount: 0,
      send: (bytes) => {
        if (this.#state !== "open") return "dropped";
        this.#deliver(Opcode.binary, Buffer.from(bytes));
        return "sent";
      },
      close: (code, reason) => {
        if (this.#state !== "open") return;
        this.#state = "closing";
        this.#toPeer.push(() => this.#sawCloseFrame(code, reason));
        if (this.#variant.closesSynchronously) this.#gone(code, reason);
      },
      terminate: () => {
        if (this.#state !== "closed") this.#vanished();
      },
      ping: () => this.#deliver(Opcode.ping, Buffer.alloc(0)),
    };
  }

  #deliver(opcode: number, payload: Buffer): void {
    this.#toPeer.push(() => this.#frames.push({ fin: true, rsv: 0, opcode, masked: false, payload }));
  }

  #arrived(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.close) this.#closeArrived(payload);
    // Like ws: what comes while the connection closes is still handed over.
    else if (this.#state === "closed") return;
    else if (opcode === Opcode.binary) this.#handler?.message(payload);
    else if (opcode === Opcode.text) this.#handler?.message(payload.toString());
    else if (opcode === Opcode.pong) this.#handler?.pong();
    else if (opcode === Opcode.ping && this.#state === "open") this.#deliver(Opcode.pong, payload);
  }

  #closeArrived(payload: Buffer): void {
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    const reason = payload.subarray(2).toString();
    if (this.#state === "open") {
      this.#toPeer.push(() => {
        this.#seesOpen = false;
        this.#ending = { code, reason };
      });
    }
    this.#gone(code, reason);
    this.#toPeer.push(() => this.#over());
  }

  /** The connection ends without a close frame. */
  #vanished(): void {
    this.#gone(1006, "");
    this.#toPeer.push(() => this.#over());
  }

  #gone(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#handler?.close(code, reason);
  }
}

// How Node reads the UTF-8 that its net sends.
const asLatin1 = (text: string): string => Buffer.from(text).toString("latin1");

/** One direction: what was pushed arrives later, in order, each in a turn of the loop of its own. */
class Line {
  readonly #waiting: (() => void)[] = [];

  push(arrive: () => void): void {
    this.#waiting.push(arrive);
    setImmediate(() => this.#waiting.shift()?.());
  }
}
