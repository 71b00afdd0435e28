import type { SendStatus, Socket, SocketHandler } from "@ezez-ws/core";
import { BrokenFrame, closePayload, encodeFrame, type Frame, FrameReader, Opcode } from "../frames.js";
import { nextTurn } from "../time.js";
import type { MemoryStream } from "./stream.js";

// What the peer has to end its side, once ours has ended.
const LINGER_MS = 2000;

export interface MemoryWebSocketOptions {
  /** A larger message is refused at its header. */
  readonly maxPayload: number;
  /** Counts as closed within `close`, or once the peer has finished the closing handshake. */
  readonly closesSynchronously: boolean;
}

/** The server's end of a WebSocket over a stream in memory; `client.client` of these rows. */
export class MemoryWebSocket {
  readonly #stream: MemoryStream;
  readonly #options: MemoryWebSocketOptions;
  readonly #reader: FrameReader;
  readonly #handler: SocketHandler;
  #state: "open" | "closing" | "closed" = "open";
  /** Until the peer's close frame, or one that breaks the rules. */
  #reads = true;
  #sawEnd = false;
  #receiving = false;
  #congested = false;
  #fragments: { readonly opcode: number; readonly payloads: Buffer[] } | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(
    stream: MemoryStream,
    options: MemoryWebSocketOptions,
    accept: (socket: Socket<MemoryWebSocket>) => SocketHandler,
  ) {
    this.#stream = stream;
    this.#options = options;
    this.#reader = new FrameReader(options.maxPayload);
    this.#handler = accept({
      raw: this,
      send: (bytes) => this.send(bytes),
      get bufferedAmount() {
        return stream.writableLength;
      },
      close: (code, reason) => this.#close(code, reason),
      terminate: () => this.#terminate(),
      ping: () => this.#frame(Opcode.ping),
    });
  }

  /** Begins to read; these bytes were read already. */
  open(behindHead: Buffer): void {
    this.#stream.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#stream.on("end", () => {
      this.#sawEnd = true;
      this.#receiveNext();
    });
    this.#stream.on("close", () => {
      clearTimeout(this.#linger);
      this.#gone(1006, "");
    });
    this.#read(behindHead);
    this.#stream.resume();
  }

  // ---- Out

  send(bytes: Uint8Array): SendStatus {
    if (this.#state !== "open") return "dropped";
    this.#stream.write(encodeFrame(Opcode.binary, bytes, { masked: false }), () => this.#written());
    this.#congested = this.#stream.writableLength > 0;
    return this.#congested ? "queued" : "sent";
  }

  #written(): void {
    if (!this.#congested || this.#stream.writableLength > 0) return;
    this.#congested = false;
    if (this.#state !== "closed") this.#handler.drain();
  }

  #frame(opcode: number, payload?: Uint8Array): void {
    if (this.#stream.writable) this.#stream.write(encodeFrame(opcode, payload ?? Buffer.alloc(0), { masked: false }));
  }

  #close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#frame(Opcode.close, closePayload(code, reason));
    if (!this.#options.closesSynchronously) return;
    this.#end();
    this.#gone(code, reason);
  }

  /** Ends our side; the peer has a while for its own. */
  #end(): void {
    this.#stream.end();
    this.#linger ??= setTimeout(() => this.#stream.destroy(), LINGER_MS);
  }

  // ---- In

  #read(chunk: Buffer): void {
    if (!this.#reads) return;
    this.#reader.push(chunk);
    this.#receiveNext();
  }

  // Each frame in a turn of its own, so that promises settle between two messages.
  #receiveNext(): void {
    if (this.#receiving || !this.#reads) return;
    let frame: Frame | undefined;
    try {
      frame = this.#reader.take();
      if (frame !== undefined) checkFrame(frame, this.#fragments !== undefined);
    } catch (error) {
      this.#broken(error);
      return;
    }
    if (frame === undefined) {
      // The peer ended without a close frame.
      if (this.#sawEnd) this.#stream.destroy();
      return;
    }
    const arrived = frame;
    this.#receiving = true;
    nextTurn(() => {
      this.#receiving = false;
      this.#receive(arrived);
      this.#receiveNext();
    });
  }

  #receive(frame: Frame): void {
    const { opcode, payload } = frame;
    if (opcode === Opcode.close) this.#receiveClose(payload);
    else if (this.#state === "closed") return;
    else if (opcode === Opcode.pong) this.#handler.pong();
    else if (opcode === Opcode.ping) {
      if (this.#state === "open") this.#frame(Opcode.pong, payload);
      this.#handler.pinged(payload.length);
    } else this.#receiveData(frame);
  }

  #receiveData({ fin, opcode, payload }: Frame): void {
    this.#fragments ??= { opcode, payloads: [] };
    this.#fragments.payloads.push(payload);
    const whole = Buffer.concat(this.#fragments.payloads);
    if (whole.length > this.#options.maxPayload) this.#broken(new BrokenFrame("too large", 1009));
    if (!fin || !this.#reads) return;
    const { opcode: first } = this.#fragments;
    this.#fragments = undefined;
    if (first === Opcode.text) this.#receiveText(whole);
    else {
      this.#handler.message(whole);
      // Lent for that call only, as by a runtime that uses its memory again.
      whole.fill(0xff);
    }
  }

  #receiveText(bytes: Buffer): void {
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.#broken(new BrokenFrame("no UTF-8", 1007));
      return;
    }
    this.#handler.message(text);
  }

  #receiveClose(payload: Buffer): void {
    this.#reads = false;
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    const reason = payload.subarray(2).toString();
    if (this.#state === "open") this.#frame(Opcode.close, closePayload(code === 1005 ? undefined : code, reason));
    this.#end();
    this.#gone(code, reason);
  }

  /** The peer broke the rules of framing. */
  #broken(error: unknown): void {
    this.#reads = false;
    if (this.#state !== "closed") this.#handler.error(error);
    const code = error instanceof BrokenFrame ? error.closeCode : 1002;
    if (this.#state === "open") this.#frame(Opcode.close, closePayload(code));
    this.#end();
    this.#gone(1006, "");
  }

  #terminate(): void {
    this.#stream.destroy();
    this.#gone(1006, "");
  }

  #gone(code: number, reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#handler.close(code, reason);
  }
}

const OPCODES = new Set<number>(Object.values(Opcode));

/** RFC 6455 section 5. */
const checkFrame = ({ fin, rsv, opcode, masked, payload }: Frame, isContinued: boolean): void => {
  const isControl = opcode >= Opcode.close;
  const isBroken =
    rsv !== 0 ||
    !masked ||
    !OPCODES.has(opcode) ||
    (isControl ? !fin || payload.length > 125 : isContinued !== (opcode === Opcode.continuation)) ||
    (opcode === Opcode.close && payload.length === 1);
  if (isBroken) throw new BrokenFrame("a frame that RFC 6455 does not have", 1002);
};
