import { closePayload, encodeFrame, type Frame, FrameReader, Opcode } from "../../packages/conformance/src/frames.js";
import type { Dialect } from "./dialects.js";

type TcpSocket = Bun.Socket<Link>;

const upgradeRequest = (port: number, path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// RFC 6455 section 1.3 has the answer to this key.
const ACCEPT = /^HTTP\/1\.1 101 .*\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/is;

const PONG = encodeFrame(Opcode.pong, Buffer.alloc(0));
const CLOSE = encodeFrame(Opcode.close, closePayload(1000));

/** One connection, on a bare TCP socket. */
export class Link {
  /** What becomes of received bytes. */
  onBytes: (chunk: Buffer) => void = () => undefined;
  readonly #dialect: Dialect;
  readonly #closed = Promise.withResolvers<void>();
  readonly #greeted = Promise.withResolvers<void>();
  #socket: TcpSocket | undefined;
  #unsent: Buffer[] = [];
  #isLeaving = false;

  private constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#greeted.promise.catch(() => undefined);
  }

  /** A connection that has been upgraded and greeted. */
  static async open(port: number, dialect: Dialect): Promise<Link> {
    const link = new Link(dialect);
    link.#socket = await Bun.connect<Link>({ hostname: "127.0.0.1", port, data: link, socket: HANDLERS });
    link.#greet(port);
    await link.#greeted.promise;
    return link;
  }

  write(bytes: Buffer): void {
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const written = Math.max(0, this.#socket?.write(bytes) ?? 0);
    if (written < bytes.length) this.#unsent.push(bytes.subarray(written));
  }

  pong(): void {
    this.write(PONG);
  }

  /** Reads frame by frame, which is slower than a checker; pings are answered. */
  onFrames(receive: (frame: Frame) => void): void {
    const reader = new FrameReader();
    this.onBytes = (chunk) => {
      reader.push(chunk);
      for (let frame = reader.take(); frame !== undefined; frame = reader.take()) {
        if (frame.opcode === Opcode.ping) this.pong();
        else receive(frame);
      }
    };
  }

  /** Closes with the handshake of RFC 6455, and waits for the end of TCP. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.onFrames(({ opcode }) => {
      if (opcode === Opcode.close) this.#socket?.end();
    });
    this.write(CLOSE);
    await this.#closed.promise;
  }

  /** Gives the connection up. */
  drop(): void {
    this.#isLeaving = true;
    this.#socket?.terminate();
  }

  drain(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const bytes of unsent) this.write(bytes);
  }

  ended(): void {
    this.#closed.resolve();
    const error = new Error("the server closed the connection");
    this.#greeted.reject(error);
    if (!this.#isLeaving) onLost(error);
  }

  #greet(port: number): void {
    let head = Buffer.alloc(0);
    this.onBytes = (chunk) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      if (!ACCEPT.test(head.toString("latin1"))) throw new Error(`not upgraded: ${head.toString("latin1", 0, 100)}`);
      this.#takeSteps();
      if (head.length > end + 4) this.onBytes(head.subarray(end + 4));
    };
    this.write(Buffer.from(upgradeRequest(port, this.#dialect.path)));
  }

  #takeSteps(): void {
    const steps = [...this.#dialect.greeting];
    let step = steps.shift();
    this.onFrames(({ payload }) => {
      if (step === undefined || !payload.toString("latin1").startsWith(step.expect)) {
        throw new Error(`not greeted: ${payload.toString("latin1", 0, 100)}`);
      }
      step = steps.shift();
      if (step?.send !== undefined) this.write(step.send);
      if (step === undefined) this.#greeted.resolve();
    });
    if (step?.send !== undefined) this.write(step.send);
  }
}

let onLost: (error: unknown) => void = () => undefined;

/** Runs a job, which fails with what any connection fails with meanwhile, and after the time allowed. */
export const watched = async <T>(job: Promise<T>, milliseconds: number): Promise<T> => {
  const lost = Promise.withResolvers<never>();
  onLost = lost.reject;
  const timer = setTimeout(() => lost.reject(new Error(`no end within ${milliseconds} ms`)), milliseconds);
  try {
    return await Promise.race([job, lost.promise]);
  } finally {
    clearTimeout(timer);
    onLost = () => undefined;
  }
};

const HANDLERS: Bun.SocketHandler<Link> = {
  data: ({ data: link }, chunk) => {
    try {
      link.onBytes(chunk);
    } catch (error) {
      onLost(error);
    }
  },
  drain: ({ data: link }) => link.drain(),
  close: ({ data: link }) => link.ended(),
  end: (socket) => void socket.end(),
  error: (_socket, error) => onLost(error),
};
