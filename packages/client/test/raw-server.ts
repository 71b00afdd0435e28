import { createHash } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { serializeToBuffer, unserializeFromBuffer } from "@ezez/utils";

const DEADLINE_MS = Number(process.env.WAIT_DEADLINE_MS ?? 5000);

/** Fails a test that would otherwise wait for ever. */
export const within = <T>(promise: Promise<T>, what: string): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Values that come one by one, and those who wait for them. */
class Mailbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const take = this.#waiting.shift();
    if (take === undefined) this.#values.push(value);
    else take(value);
  }

  next(what: string): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    return within(new Promise<T>((resolve) => this.#waiting.push(resolve)), what);
  }

  get size(): number {
    return this.#values.length;
  }
}

export interface Frame {
  readonly opcode: number;
  readonly data: Buffer;
}

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One unmasked frame, final, with whatever opcode and reserved bits it is told. */
export const frame = (opcode: number, data: Uint8Array, reservedBits = 0): Buffer => {
  const length = data.length;
  let header: Buffer;
  if (length < 126) header = Buffer.from([0, length]);
  else if (length < 65_536) header = Buffer.from([0, 126, length >> 8, length & 0xff]);
  else {
    header = Buffer.alloc(10);
    header[1] = 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  header[0] = 0x80 | (reservedBits << 4) | opcode;
  return Buffer.concat([header, data]);
};

const closePayload = (code: number, reason: string): Buffer => {
  const payload = Buffer.from(`\0\0${reason}`);
  payload.writeUInt16BE(code, 0);
  return payload;
};

/** The reference encoder. */
export const encode = (...parts: unknown[]): Buffer => serializeToBuffer(Buffer, [], ...parts);

/** The reference decoder. */
export const decode = (bytes: Uint8Array): unknown[] => unserializeFromBuffer(Buffer, [], Buffer.from(bytes));

/** The server's end of one WebSocket connection. */
export class Peer {
  /** Answer pings, and finish closing handshakes. */
  polite = true;
  /** The code and reason in the client's close frame. */
  closedWith: { code: number; reason: string } | undefined;
  readonly gone: Promise<void>;
  readonly #messages = new Mailbox<Frame>();
  readonly #socket: Socket;
  #closing = false;
  #received: Buffer = Buffer.alloc(0);

  constructor(
    socket: Socket,
    readonly request: string,
  ) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      for (let next = this.#read(); next !== undefined; next = this.#read()) this.#handle(next);
    });
  }

  /** How many messages came and were not asked for. */
  get unread(): number {
    return this.#messages.size;
  }

  /** The next message, text or binary. */
  nextFrame(): Promise<Frame> {
    return this.#messages.next("a message from the client");
  }

  /** The next message, decoded by the reference decoder. */
  async next(): Promise<unknown[]> {
    const { opcode, data } = await this.nextFrame();
    if (opcode !== Opcode.binary) throw new Error(`a message with opcode ${opcode}: ${data}`);
    return decode(data);
  }

  /** Reads the auth message and accepts it; gives its parts. */
  async accept(): Promise<unknown[]> {
    const auth = await this.next();
    this.send("ezez-ws::auth-ok");
    return auth;
  }

  send(...parts: unknown[]): void {
    this.sendBytes(encode(...parts));
  }

  sendBytes(bytes: Uint8Array): void {
    this.write(frame(Opcode.binary, bytes));
  }

  sendText(text: string): void {
    this.write(frame(Opcode.text, Buffer.from(text)));
  }

  close(code: number, reason = ""): void {
    this.#closing = true;
    this.write(frame(Opcode.close, closePayload(code, reason)));
  }

  /** Whatever bytes. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(): Frame | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    if ((second & 0x80) === 0) throw new Error("a client must mask its frames");
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    if (bytes.length < at + 4 + length) return undefined;
    const mask = bytes.subarray(at, at + 4);
    const data = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
    for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) ^ (mask[i & 3] ?? 0);
    this.#received = bytes.subarray(at + 4 + length);
    return { opcode: first & 0x0f, data };
  }

  #handle({ opcode, data }: Frame): void {
    if (opcode === Opcode.text || opcode === Opcode.binary) this.#messages.put({ opcode, data });
    else if (opcode === Opcode.ping && this.polite) this.write(frame(Opcode.pong, data));
    else if (opcode === Opcode.close) {
      const code = data.length < 2 ? 1005 : data.readUInt16BE(0);
      this.closedWith ??= { code, reason: data.subarray(2).toString() };
      if (!this.polite) return;
      if (!this.#closing) this.write(frame(Opcode.close, data));
      this.#socket.end();
    }
  }
}

type Handshake = (socket: Socket, request: string, upgrade: () => void) => void;

const upgradeAll: Handshake = (_socket, _request, upgrade) => upgrade();

/** A WebSocket server written by hand on TCP, which can misbehave. */
export class RawServer {
  /** What to do with an upgrade request. */
  handshake: Handshake = upgradeAll;
  /** TCP connections so far. */
  attempts = 0;
  readonly #attempted = new Mailbox<number>();
  readonly #peers = new Mailbox<Peer>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
  }

  static async start(): Promise<RawServer> {
    const server = createServer();
    const raw = new RawServer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return raw;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The next connection that was upgraded. */
  nextPeer(): Promise<Peer> {
    return this.#peers.next("a connection");
  }

  /** The number of the next TCP connection, which counts from 1. */
  nextAttempt(): Promise<number> {
    return this.#attempted.next("an attempt to connect");
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#attempted.put(++this.attempts);
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => undefined);
    let request = "";
    const read = (data: Buffer): void => {
      request += data.toString("latin1");
      if (!request.endsWith("\r\n\r\n")) return;
      socket.off("data", read);
      this.handshake(socket, request, () => this.#upgrade(socket, request));
    };
    socket.on("data", read);
  }

  #upgrade(socket: Socket, request: string): void {
    const key = /^sec-websocket-key: (.+)\r$/im.exec(request)?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const protocol = /^sec-websocket-protocol: ([^,\r]+)/im.exec(request)?.[1];
    const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    lines.push(`Sec-WebSocket-Accept: ${accept}`);
    if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    const peer = new Peer(socket, request);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    this.#peers.put(peer);
  }
}
