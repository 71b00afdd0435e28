import { malformed } from "../errors.js";
import { WireLimit } from "../protocol.js";
import { ValueDecoder } from "./decode-value.js";
import { isBinary, ValueEncoder } from "./encode-value.js";
import type { ResolvedCodecOptions } from "./options.js";
import { byteLengthOf, readText, writeText } from "./text.js";

// Marks, as bytes.
const BINARY = 0x74; // t
const TEXT = 0x66; // f
const JSON_VALUE = 0x6a; // j

const LENGTH_DIGITS = 10;

// Messages up to this size are written here and copied out once; larger ones get a buffer of their own.
const scratch = new Uint8Array(16 * 1024);

const bytesOf = (value: ArrayBufferView | ArrayBuffer): Uint8Array =>
  ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);

/** Writes values as parts: `<decimal byte length> <mark> 0x00 <bytes> 0x00` each. @throws EZEZError `NOT_SERIALIZABLE` */
export const encodeParts = (
  values: readonly unknown[],
  argumentsFrom: number,
  options: ResolvedCodecOptions,
): Uint8Array => {
  // First all that may call the user's code, which may send in its turn; the shared buffer comes after it.
  const encoder = new ValueEncoder(options);
  const contents = values.map((value, index) => {
    if (typeof value === "string") return value;
    return isBinary(value) ? bytesOf(value) : encoder.encode(value, index - argumentsFrom);
  });
  let room = 0;
  for (const content of contents)
    room += LENGTH_DIGITS + 3 + (typeof content === "string" ? content.length * 3 : content.length);

  const shared = room <= scratch.length;
  const target = shared ? scratch : new Uint8Array(room);
  let at = 0;
  for (let i = 0; i < contents.length; i++) {
    const content = contents[i] as string | Uint8Array;
    const isText = typeof content === "string";
    at = writeText(String(isText ? byteLengthOf(content) : content.length), target, at);
    target[at++] = isText ? (typeof values[i] === "string" ? TEXT : JSON_VALUE) : BINARY;
    target[at++] = 0;
    if (isText) at = writeText(content, target, at);
    else {
      target.set(content, at);
      at += content.length;
    }
    target[at++] = 0;
  }
  return shared ? target.slice(0, at) : target.subarray(0, at);
};

/** Reads all parts. Every value owns its memory. @throws EZEZError `MALFORMED_MESSAGE` */
export const decodeParts = (message: Uint8Array, options: ResolvedCodecOptions): unknown[] => {
  // A plain view: slicing a subclass such as Node's Buffer may share memory with it.
  const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  const decoder = new ValueDecoder(bytes, options);
  const values: unknown[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (values.length === WireLimit.parts) throw malformed("too many parts");
    let length = 0;
    let digits = 0;
    let byte = bytes[at] as number;
    while (byte >= 0x30 && byte <= 0x39) {
      // No leading zero, so that a length is written in one way only.
      if (digits === LENGTH_DIGITS || (digits > 0 && length === 0)) throw malformed("a length is broken");
      length = length * 10 + (byte - 0x30);
      digits++;
      byte = bytes[++at] as number;
    }
    if (digits === 0) throw malformed("a length is broken");
    const mark = byte;
    const start = at + 2;
    const end = start + length;
    // Comparing with the end of the message first: an index past it would read undefined.
    if (end >= bytes.length || bytes[at + 1] !== 0 || bytes[end] !== 0) throw malformed("a part is broken");
    if (mark === JSON_VALUE) values.push(decoder.decode(start, end));
    else if (mark === TEXT) values.push(textPart(bytes, start, end));
    else if (mark === BINARY) values.push(bytes.slice(start, end));
    else throw malformed("a mark is unknown");
    at = end + 1;
  }
  return values;
};

const textPart = (bytes: Uint8Array, start: number, end: number): string => {
  try {
    return readText(bytes, start, end);
  } catch (cause) {
    throw malformed("a text is no UTF-8", cause);
  }
};
