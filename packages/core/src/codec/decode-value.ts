import { malformed } from "../errors.js";
import { WireLimit } from "../protocol.js";
import type { ResolvedCodecOptions } from "./options.js";
import { isArrayIndex, readName, readText } from "./text.js";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;

// Of so many objects of one message, and so many keys in them, hardly two can be alike.
const MANY_OBJECTS = 500;
const MANY_KEYS = 1000;

// JSON's numbers, and the three that JSON does not have.
const NUMBER = /^(?:NaN|-?(?:Infinity|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?))$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

const LAST_INDEX = 2 ** 32 - 2;

// Integer keys that are further from 0 than the count of keys asks for.
const isFarIndex = (key: string, count: number): boolean => {
  const first = key.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && isArrayIndex(key) && Number(key) > 4 * count + 4;
};

// Engines keep values with integer keys in an array up to the largest, if that is not too far: 12 KiB for each `{"1000":[]}`,
// 600 MiB for a hostile message. An object that once had the last key of all keeps them in a table.
const makeSparse = (object: Record<number, unknown>): void => {
  object[LAST_INDEX] = undefined;
  delete object[LAST_INDEX];
};

/**
 * Reads typed JSON straight from the bytes, in one pass. Strict: what the reference encoder cannot have written, white
 * space and repeated keys among it, is refused. An instance serves one message; offsets of parts move it along.
 */
export class ValueDecoder {
  readonly #bytes: Uint8Array;
  readonly #options: ResolvedCodecOptions;
  #at = 0;
  #end = 0;
  #depth = 0;
  #nodes = 0;
  // Elements of the arrays that are still open, up to `#pending`. An array made of them by slice() has just the memory it
  // needs, where push() leaves room for 16 more: 170 bytes for each `[` of a hostile message.
  readonly #elements: unknown[] = [];
  #pending = 0;

  // The engine makes a hidden class for every new list of keys. A hostile message of 10,000 objects without a key in common
  // makes 80,000 in 60 ms; as objects that begin without a prototype, which have none, they take 25 ms.
  #keys: Set<string> | undefined;
  #objects = 0;

  constructor(bytes: Uint8Array, options: ResolvedCodecOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  /** Reads the value that fills the bytes from `start` to `end`, where 0x00 is. @throws EZEZError `MALFORMED_MESSAGE` */
  decode(start: number, end: number): unknown {
    this.#at = start;
    this.#end = end;
    // A scalar is no node: those of a message are as many as its parts at most.
    const value = this.#peek() === QUOTE ? this.#scalar() : this.#value();
    if (this.#at !== end) throw malformed("typed JSON is broken");
    return value;
  }

  // At the end it is 0x00, which matches nothing.
  #peek(): number {
    return this.#bytes[this.#at] as number;
  }

  #value(): unknown {
    if (++this.#nodes > WireLimit.nodes) throw malformed("too many values");
    switch (this.#peek()) {
      case QUOTE:
        return this.#scalar();
      case 0x5b: // [
        return this.#array();
      case 0x7b: // {
        return this.#object();
      default:
        throw malformed("typed JSON is broken");
    }
  }

  #scalar(): unknown {
    const mark = this.#bytes[this.#at + 1];
    // Three bytes in, the text of a built-in scalar begins; the end of the part is checked while it is read.
    if (this.#bytes[this.#at + 2] !== COLON) return this.#customScalar();
    switch (mark) {
      case 0x73: // s
        this.#at += 3;
        return this.#text();
      case 0x6e: // n
        this.#at += 3;
        return this.#number();
      case 0x69: // i
        this.#at += 3;
        return this.#bigint();
      case 0x62: // b
        this.#at += 3;
        return this.#boolean();
      case 0x75: // u
        this.#at += 3;
        return this.#nothing(undefined);
      case 0x6c: // l
        this.#at += 3;
        return this.#nothing(null);
      default:
        return this.#customScalar();
    }
  }

  #number(): number {
    // The common case, an integer of up to 15 digits, without a string.
    let at = this.#at;
    let value = 0;
    let byte = this.#bytes[at] as number;
    const first = byte;
    while (byte >= 0x30 && byte <= 0x39 && at - this.#at < 15) {
      value = value * 10 + (byte - 0x30);
      byte = this.#bytes[++at] as number;
    }
    if (byte === QUOTE && at > this.#at && (first !== 0x30 || at === this.#at + 1)) {
      this.#at = at + 1;
      return value;
    }
    const text = this.#text();
    if (!NUMBER.test(text)) throw malformed("a number is broken");
    return Number(text);
  }

  #bigint(): bigint {
    const text = this.#text();
    const digits = text.length - (text.startsWith("-") ? 1 : 0);
    try {
      if (digits <= this.#options.maxBigIntLength && INTEGER.test(text)) return BigInt(text);
    } catch {
      // Without a limit of ours there is still the engine's: V8's end at 2^30 bits.
    }
    throw malformed("a bigint is broken, or of too many digits");
  }

  #boolean(): boolean {
    const value = this.#peek() === 0x31;
    if (value) this.#at++;
    return this.#nothing(value);
  }

  #nothing<T>(value: T): T {
    if (this.#peek() !== QUOTE) throw malformed("typed JSON is broken");
    this.#at++;
    return value;
  }

  #customScalar(): unknown {
    this.#at++;
    const text = this.#text();
    const colon = text.indexOf(":");
    const revive = colon > 0 ? this.#options.deserializers.get(text.slice(0, colon)) : undefined;
    if (revive === undefined) throw malformed("a scalar of an unknown type");
    try {
      return revive(text.slice(colon + 1));
    } catch (cause) {
      throw malformed("a custom deserializer failed", cause);
    }
  }

  // From behind the opening quote (and the scalar's prefix) to behind the closing one.
  #text(read = readText): string {
    const start = this.#at;
    let escaped = false;
    let at = start;
    for (; ; at++) {
      if (at >= this.#end) throw malformed("a text is broken");
      const byte = this.#bytes[at] as number;
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        escaped = true;
        at++;
      } else if (byte < 0x20) throw malformed("a text is broken");
    }
    this.#at = at + 1;
    try {
      const text = read(this.#bytes, start, at);
      return escaped ? (JSON.parse(`"${text}"`) as string) : text;
    } catch (cause) {
      throw malformed("a text is broken", cause);
    }
  }

  #array(): unknown[] {
    this.#enter();
    if (this.#peek() === CLOSE_BRACKET) return this.#leave([]);
    const from = this.#pending;
    for (;;) {
      const value = this.#value();
      this.#elements[this.#pending++] = value;
      if (!this.#next(CLOSE_BRACKET)) continue;
      const values = this.#elements.slice(from, this.#pending);
      this.#pending = from;
      return this.#leave(values);
    }
  }

  #object(): Record<string, unknown> {
    this.#enter();
    if (++this.#objects === MANY_OBJECTS) this.#keys = new Set();
    if (this.#peek() === CLOSE_BRACE) return this.#leave({});
    const keys = this.#keys;
    const shapeless = keys !== undefined && keys.size > MANY_KEYS;
    const object: Record<string, unknown> = shapeless ? Object.create(null) : {};
    let sparse = false;
    for (let count = 1; ; count++) {
      this.#expect(QUOTE);
      const key = this.#text(readName);
      if (key === "__proto__") throw malformed("a key named __proto__");
      this.#expect(COLON);
      if (!sparse && isFarIndex(key, count)) {
        makeSparse(object);
        sparse = true;
      }
      object[key] = this.#value();
      if (!shapeless) keys?.add(key);
      if (!this.#next(CLOSE_BRACE)) continue;
      // Once for all of them: asking before each took a fifth of the time of decoding.
      if (Object.keys(object).length < count) throw malformed("a key comes twice");
      if (shapeless) Object.setPrototypeOf(object, Object.prototype);
      return this.#leave(object);
    }
  }

  #enter(): void {
    if (++this.#depth > WireLimit.depth) throw malformed("typed JSON is too deep");
    this.#at++;
  }

  #leave<T>(container: T): T {
    this.#depth--;
    this.#at++;
    return container;
  }

  // After an element: false behind a comma, true at the closing byte.
  #next(close: number): boolean {
    const byte = this.#peek();
    if (byte === close) return true;
    if (byte !== COMMA) throw malformed("typed JSON is broken");
    this.#at++;
    return false;
  }

  #expect(byte: number): void {
    if (this.#peek() !== byte) throw malformed("typed JSON is broken");
    this.#at++;
  }
}
