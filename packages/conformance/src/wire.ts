import { createHash, randomBytes } from "node:crypto";
import { connect as connectToPort } from "node:net";
import type { Duplex } from "node:stream";
import { closePayload, encodeFrame, type Frame, type FrameOptions, FrameReader, Opcode } from "./frames.js";
import { decode, encode } from "./messages.js";
import { Inbox, within } from "./wait.js";

/** An HTTP answer, in full. */
export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated ones joined by ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** How the connection ended, as the peer sees it: 1005 for a close frame without a code, 1006 for none at all. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** The peer's end of a connection, of TCP or alike. */
export type Stream = Duplex & { resetAndDestroy(): unknown };

/** How a peer gets to a port of a server. */
export type Connect = (port: number, host: string) => Stream;

export const connectTcp: Connect = (port, host) => {
  const socket = connectToPort({ port, host, allowHalfOpen: true });
  return socket.setNoDelay(true);
};

export interface WireOptions {
  readonly host?: string;
  /** @defaultValue over TCP */
  readonly connect?: Connect;
  readonly path?: string;
  /** Further headers, which replace the usual ones of the same name; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Bytes in the same TCP segment as the upgrade request. */
  readonly behindUpgrade?: Uint8Array;
  /** Answers pings. @defaultValue true */
  readonly answerPings?: boolean;
  /** Answers a close frame, and the end of the server's side with the end of ours. @defaultValue true */
  readonly finishesClosing?: boolean;
}

const HOST = "127.0.0.1";

/** RFC 6455 section 4.2.2: the `Sec-WebSocket-Accept` that answers this key. */
export const acceptOf = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

/** The upgrade request of a client, as text. */
export const upgradeRequest = (port: number, options: WireOptions = {}, key = randomBytes(16).toString("base64")) => {
  const headers = {
    Host: `${HOST}:${port}`,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13",
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `GET ${options.path ?? "/"} HTTP/1.1\r\n${lines.join("")}\r\n`;
};

/** A WebSocket peer that writes and reads every byte by hand, so that it can also do what no library would. */
export class Wire {
  /** The answer to the upgrade request; its status is 101 where the connection is open. */
  readonly response: Promise<HttpResponse>;
  readonly #socket: Stream;
  readonly #options: WireOptions;
  readonly #key = randomBytes(16).toString("base64");
  readonly #http: HttpReader;
  readonly #reader = new FrameReader();
  readonly #frames = new Inbox<Frame>();
  readonly #ended: Promise<void>;
  readonly #closeFrame: Promise<Ending | undefined>;
  #sawCloseFrame: (ending: Ending | undefined) => void = () => undefined;
  #upgraded = false;
  #seesOpen = true;
  #closeSent = false;
  #lastEventId = 0;
  /** Pings received. */
  pings = 0;

  constructor(port: number, options: WireOptions = {}) {
    this.#options = options;
    this.#socket = (options.connect ?? connectTcp)(port, options.host ?? HOST);
    this.#http = new HttpReader();
    this.response = this.#http.response;
    // Those that no test waits for must not become unhandled rejections.
    this.response.catch(() => undefined);
    this.#closeFrame = new Promise((resolve) => {
      this.#sawCloseFrame = (ending) => {
        this.#seesOpen = false;
        resolve(ending);
      };
    });
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#http.end();
        this.#sawCloseFrame(undefined);
        this.#frames.end(new Error("the connection has ended"));
        resolve();
      };
      this.#socket.on("end", () => {
        end();
        if (options.finishesClosing !== false) this.#socket.end();
      });
      this.#socket.on("close", end);
    });
    // What it tells, "close" tells too.
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    const request = Buffer.from(upgradeRequest(port, options, this.#key));
    this.#socket.write(Buffer.concat([request, options.behindUpgrade ?? Buffer.alloc(0)]));
  }

  /** A peer whose upgrade was accepted. Rejects where it was not. */
  static async open(port: number, options: WireOptions = {}): Promise<Wire> {
    return new Wire(port, options).opened();
  }

  /** Open and authenticated. */
  static async authenticated(port: number, options: WireOptions & { readonly key?: string } = {}): Promise<Wire> {
    const wire = await Wire.open(port, options);
    await wire.authenticate(options.key);
    return wire;
  }

  /** Waits until the upgrade was accepted. Rejects where it was not. */
  async opened(): Promise<this> {
    const { status, headers } = await within(this.response, "the answer to the upgrade request");
    if (status !== 101) throw new Error(`the upgrade was refused with ${status}`);
    if (headers.get("sec-websocket-accept") !== acceptOf(this.#key)) throw new Error("sec-websocket-accept is wrong");
    return this;
  }

  /** Sends the auth message and waits for auth-ok. */
  async authenticate(key = "key"): Promise<void> {
    this.auth(key);
    const message = await this.next();
    if (message[0] !== "ezez-ws::auth-ok") throw new Error(`not authenticated but: ${JSON.stringify(message)}`);
  }

  // ---- Sending

  /** Sends the auth message. */
  auth(key: unknown = "key", ...rest: unknown[]): void {
    this.binary(encode("ezez-ws::auth", key, ...(rest.length === 0 ? [1] : rest)));
  }

  /** Sends an event; returns its id. */
  event(eventName: string, ...args: unknown[]): number {
    return this.reply(null, eventName, ...args);
  }

  /** Sends an event that answers this id; returns its own. */
  reply(replyTo: unknown, eventName: string, ...args: unknown[]): number {
    const eventId = ++this.#lastEventId;
    this.binary(encode(eventName, eventId, replyTo, ...args));
    return eventId;
  }

  /** Sends one whole binary message. */
  binary(payload: Uint8Array): void {
    this.frame(Opcode.binary, payload);
  }

  /** Sends one whole text message. */
  text(payload: string): void {
    this.frame(Opcode.text, Buffer.from(payload));
  }

  /** Sends one frame, right or wrong. */
  frame(opcode: number, payload: Uint8Array = Buffer.alloc(0), options?: FrameOptions): void {
    this.write(encodeFrame(opcode, payload, options));
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Starts the closing handshake, or finishes it; no code gives an empty close frame. */
  close(code?: number, reason?: string): void {
    this.#closeSent = true;
    this.frame(Opcode.close, closePayload(code, reason));
  }

  // ---- Receiving

  /** The next ezez message. */
  async next(milliseconds?: number): Promise<unknown[]> {
    return decode(await this.bytes(milliseconds));
  }

  /** The next binary message, in bytes. */
  async bytes(milliseconds?: number): Promise<Buffer> {
    const { opcode, payload } = await this.nextFrame("a message", milliseconds);
    if (opcode !== Opcode.binary) throw new Error(`not a binary message but a frame with opcode ${opcode}`);
    return payload;
  }

  /** The next frame but pings and close frames. */
  nextFrame(what = "a frame", milliseconds?: number): Promise<Frame> {
    return this.#frames.next(what, milliseconds);
  }

  /** What has come and was not asked for: `JSON`-like messages, or the frames that are none. */
  get unread(): unknown[] {
    return this.#frames.unread.map((frame) => (frame.opcode === Opcode.binary ? decode(frame.payload) : frame));
  }

  /** The server's close frame, or 1006 where the connection ended without. Our side may be open still. */
  async closing(milliseconds?: number): Promise<Ending> {
    return (await within(this.#closeFrame, "a close frame", milliseconds)) ?? { code: 1006, reason: "" };
  }

  /** The end of the connection: what the close frame said, or 1006 where there was none. */
  async closed(milliseconds?: number): Promise<Ending> {
    const ending = await this.closing(milliseconds);
    await within(this.#ended, "the end of the connection", milliseconds);
    return ending;
  }

  /** Neither a close frame nor the end was seen so far. */
  get isOpen(): boolean {
    return this.#seesOpen;
  }

  /** Waits until the server's kernel refuses our bytes: it has given the socket up, and not only shut its own side. */
  async gone(milliseconds?: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.closed) resolve();
      else this.#socket.once("close", () => resolve());
    });
    const knock = setInterval(() => this.frame(Opcode.pong), 20);
    try {
      await within(closed, "the server to give the socket up", milliseconds);
    } finally {
      clearInterval(knock);
    }
  }

  // ---- The TCP connection

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Vanishes with a TCP reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Ends our side of TCP without a close frame; the other stays open. */
  endTcp(): void {
    this.#socket.end();
  }

  /** Gives everything up. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#upgraded) this.#reader.push(chunk);
    else {
      const rest = this.#http.push(chunk);
      if (rest === undefined) return;
      this.#upgraded = true;
      this.#reader.push(rest);
    }
    for (let frame = this.#reader.take(); frame !== undefined; frame = this.#reader.take()) this.#receive(frame);
  }

  #receive(frame: Frame): void {
    const { opcode, payload } = frame;
    if (opcode === Opcode.ping) {
      this.pings++;
      if (this.#options.answerPings !== false) this.frame(Opcode.pong, payload);
    } else if (opcode === Opcode.close) {
      const hasCode = payload.length >= 2;
      const code = hasCode ? payload.readUInt16BE(0) : 1005;
      this.#sawCloseFrame({ code, reason: payload.subarray(2).toString() });
      this.#frames.end(new Error(`the server closed with ${code} "${payload.subarray(2)}"`));
      if (this.#options.finishesClosing !== false && !this.#closeSent) this.close(hasCode ? code : undefined);
    } else this.#frames.push(frame);
  }
}

/** Reads one HTTP answer; what follows a 101 is the connection's. */
class HttpReader {
  readonly response: Promise<HttpResponse>;
  #resolve: (response: HttpResponse) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #bytes = Buffer.alloc(0);
  #done = false;

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Returns the bytes behind a 101 answer once there is one. */
  push(chunk: Buffer): Buffer | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    const { status, headers } = parseHead(this.#bytes.subarray(0, end).toString("latin1"));
    const rest = this.#bytes.subarray(end + 4);
    if (status === 101) {
      this.#done = true;
      this.#resolve({ status, headers, body: "" });
      return rest;
    }
    const length = headers.get("content-length");
    const isWhole =
      length === undefined ? rest.toString("latin1").endsWith("0\r\n\r\n") : rest.length >= Number(length);
    if (isWhole) this.#finish();
    return undefined;
  }

  /** The connection ended: the answer is whole where its end is its body's. */
  end(): void {
    if (!this.#done) this.#finish();
  }

  #finish(): void {
    this.#done = true;
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end === -1) {
      this.#reject(new Error("the connection ended without an HTTP answer"));
      return;
    }
    const { status, headers } = parseHead(this.#bytes.subarray(0, end).toString("latin1"));
    const raw = this.#bytes.subarray(end + 4);
    const chunked = headers.get("transfer-encoding")?.toLowerCase() === "chunked";
    this.#resolve({ status, headers, body: (chunked ? unchunk(raw) : raw).toString() });
  }
}

const parseHead = (head: string): { status: number; headers: Map<string, string> } => {
  const [first = "", ...lines] = head.split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const before = headers.get(name);
    const value = line.slice(colon + 1).trim();
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { status: Number(first.split(" ")[1]), headers };
};

const unchunk = (raw: Buffer): Buffer => {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = raw.indexOf("\r\n", at);
    const size = lineEnd === -1 ? 0 : Number.parseInt(raw.subarray(at, lineEnd).toString(), 16);
    if (!(size > 0)) return Buffer.concat(chunks);
    chunks.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
};

/** Sends this text on a connection of its own, and reads one HTTP answer. */
export const requestHttp = async (port: number, text: string, connect = connectTcp): Promise<HttpResponse> => {
  const socket = connect(port, HOST);
  const reader = new HttpReader();
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => void reader.push(chunk));
  socket.on("end", () => reader.end());
  socket.on("close", () => reader.end());
  socket.write(text);
  try {
    return await within(reader.response, "an HTTP answer");
  } finally {
    socket.destroy();
  }
};
