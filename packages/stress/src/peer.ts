import { connect, type Socket } from "node:net";
import {
  closePayload,
  decode,
  encode,
  encodeFrame,
  FrameReader,
  Opcode,
  upgradeRequest,
  within,
} from "@ezez-ws/conformance";
import { reset } from "./reset.js";

const CONNECT_MS = 20_000;
const HEAD_END = "\r\n\r\n";

/** What a peer tells of what it receives. */
export interface PeerEvents {
  /** The parts of one message behind auth-ok. */
  message(parts: unknown[], peer: Peer): void;
  /** The connection is over: what the close frame said, or 1006 where there was none. Once, and only where it had opened. */
  end(code: number, peer: Peer): void;
}

/**
 * A peer so light that a process can have a thousand of them, and that can do what no library would. Its codec is the
 * reference's.
 */
export class Peer {
  readonly #socket: Socket;
  readonly #events: PeerEvents;
  readonly #reader = new FrameReader();
  readonly #accepted: Promise<void>;
  #accept: () => void = () => undefined;
  #refuse: (error: Error) => void = () => undefined;
  #phase: "upgrading" | "asked" | "open" | "ended" = "upgrading";
  #head = Buffer.alloc(0);
  #code = 1006;
  #closeSent = false;
  #lastId = 0;

  private constructor(port: number, events: PeerEvents) {
    this.#events = events;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#refuse = reject;
      this.#socket.once("close", () => {
        reject(new Error("the connection has ended"));
        this.#end();
      });
    });
    // What it tells, "close" tells too.
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.write(upgradeRequest(port));
  }

  /** One that the server has accepted. */
  static async connect(port: number, events: PeerEvents): Promise<Peer> {
    const peer = new Peer(port, events);
    try {
      await within(peer.#accepted, "auth-ok", CONNECT_MS);
    } catch (error) {
      peer.reset();
      throw error;
    }
    return peer;
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Sends an event, in answer to `replyTo` where that is no null; returns its id. */
  send(eventName: string, args: readonly unknown[], replyTo: number | null = null): number {
    const eventId = ++this.#lastId;
    this.frame(Opcode.binary, encode(eventName, eventId, replyTo, ...args));
    return eventId;
  }

  frame(opcode: number, payload: Uint8Array): void {
    this.write(encodeFrame(opcode, payload));
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Starts the closing handshake. */
  close(): void {
    this.#closeSent = true;
    this.frame(Opcode.close, closePayload(1000));
  }

  /** Vanishes with a TCP reset. */
  reset(): void {
    reset(this.#socket);
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #end(): void {
    const wasOpen = this.#phase === "open";
    this.#phase = "ended";
    if (wasOpen) this.#events.end(this.#code, this);
  }

  #read(chunk: Buffer): void {
    if (this.#phase !== "upgrading") this.#reader.push(chunk);
    else {
      this.#head = Buffer.concat([this.#head, chunk]);
      const end = this.#head.indexOf(HEAD_END);
      if (end === -1) return;
      this.#phase = "asked";
      this.frame(Opcode.binary, encode("ezez-ws::auth", "key", 1));
      this.#reader.push(this.#head.subarray(end + HEAD_END.length));
    }
    for (let frame = this.#reader.take(); frame !== undefined; frame = this.#reader.take()) {
      this.#receive(frame.opcode, frame.payload);
    }
  }

  #receive(opcode: number, payload: Buffer): void {
    if (this.#phase === "ended") return;
    if (opcode === Opcode.ping) this.frame(Opcode.pong, payload);
    else if (opcode === Opcode.close) {
      this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      if (!this.#closeSent) this.frame(Opcode.close, payload.subarray(0, 2));
      this.#socket.end();
    } else if (opcode !== Opcode.binary) return;
    else if (this.#phase === "open") this.#events.message(decode(payload), this);
    else {
      const [eventName, reason] = decode(payload);
      if (eventName === "ezez-ws::auth-ok") {
        this.#phase = "open";
        this.#accept();
      } else this.#refuse(new Error(`${String(eventName)}: ${String(reason)}`));
    }
  }
}
