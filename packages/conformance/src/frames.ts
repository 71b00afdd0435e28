import { randomBytes } from "node:crypto";

/** RFC 6455 section 5.2. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly fin: boolean;
  /** RSV1, RSV2 and RSV3 as the bits 4, 2 and 1. */
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** What a test may get wrong on purpose. */
export interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
  /** The length in the header, whatever the payload's is. */
  readonly declaredLength?: bigint;
}

const lengthBytes = (length: bigint): Buffer => {
  if (length < 126n) return Buffer.from([Number(length)]);
  const bytes = Buffer.alloc(length < 0x10000n ? 3 : 9);
  if (bytes.length === 3) {
    bytes[0] = 126;
    bytes.writeUInt16BE(Number(length), 1);
  } else {
    bytes[0] = 127;
    bytes.writeBigUInt64BE(length, 1);
  }
  return bytes;
};

/** One frame as a client sends it: masked, unless a test wants otherwise. */
export const encodeFrame = (opcode: number, payload: Uint8Array, options: FrameOptions = {}): Buffer => {
  const { fin = true, rsv = 0, masked = true, declaredLength = BigInt(payload.length) } = options;
  const first = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]);
  const length = lengthBytes(declaredLength);
  if (!masked) return Buffer.concat([first, length, payload]);
  length[0] = (length[0] ?? 0) | 0x80;
  const mask = randomBytes(4);
  return Buffer.concat([first, length, mask, applyMask(payload, mask)]);
};

/** Masks and unmasks. */
const applyMask = (payload: Uint8Array, mask: Uint8Array): Buffer => {
  const result = Buffer.from(payload);
  for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return result;
};

/** What no frame may be, and the close code that answers it. */
export class BrokenFrame extends Error {
  readonly closeCode: number;

  constructor(message: string, closeCode: number) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Takes frames out of a stream of bytes. */
export class FrameReader {
  readonly #largest: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(largest = Infinity) {
    this.#largest = largest;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /**
   * The next whole frame, or undefined where more bytes are needed.
   * @throws BrokenFrame for one with a larger payload, at its header
   */
  take(): Frame | undefined {
    const head = this.#peek(14);
    if (head.length < 2) return undefined;
    const second = head[1] ?? 0;
    const masked = (second & 0x80) !== 0;
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (head.length < 4) return undefined;
      length = head.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (head.length < 10) return undefined;
      length = Number(head.readBigUInt64BE(2));
      at = 10;
    }
    if (length > this.#largest) throw new BrokenFrame("a frame that is too large", 1009);
    if (masked) at += 4;
    if (this.#size < at + length) return undefined;
    const whole = this.#take(at + length);
    const first = whole[0] ?? 0;
    const body = whole.subarray(at);
    const payload = masked ? applyMask(body, whole.subarray(at - 4, at)) : body;
    return { fin: (first & 0x80) !== 0, rsv: (first >> 4) & 7, opcode: first & 15, masked, payload };
  }

  #peek(length: number): Buffer {
    return this.#first(length).subarray(0, length);
  }

  #take(length: number): Buffer {
    const first = this.#first(length);
    if (first.length > length) this.#chunks[0] = first.subarray(length);
    else this.#chunks.shift();
    this.#size -= length;
    return first.subarray(0, length);
  }

  /** The first chunk, joined with what comes behind it only where it is shorter than this. */
  #first(length: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= length) return first;
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }
}

/** The payload of a close frame. */
export const closePayload = (code: number | undefined, reason = ""): Buffer => {
  if (code === undefined) return Buffer.alloc(0);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
};
