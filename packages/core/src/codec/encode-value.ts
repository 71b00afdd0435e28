import { EZEZError } from "../errors.js";
import { WireLimit } from "../protocol.js";
import type { ResolvedCodecOptions } from "./options.js";
import { isArrayIndex } from "./text.js";

// What JSON has to escape, lone surrogates among it (well-formed JSON.stringify, ECMA-262 section 25.5.2.3).
const NEEDS_ESCAPE = /["\\\ud800-\udfff]|[^ -\uffff]/;

// Objects whose content is not in their own properties: as plain objects they would silently arrive empty.
const OPAQUE = new Set(
  "Map Set WeakMap WeakSet WeakRef RegExp Error Number String Boolean BigInt Symbol Promise SharedArrayBuffer"
    .split(" ")
    .map((name) => `[object ${name}]`),
);

const tagOf = (value: object): string => Object.prototype.toString.call(value);

const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value);
  // A plain object of another realm has a prototype whose own prototype is null.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
};

// Known by its tag, since that of another realm is an instance of another class.
const isArrayBuffer = (value: object): boolean => !isPlain(value) && tagOf(value) === "[object ArrayBuffer]";

/** Whether a value is bytes, which are an argument of their own and never part of typed JSON. */
export const isBinary = (value: unknown): value is ArrayBufferView | ArrayBuffer =>
  ArrayBuffer.isView(value) || (typeof value === "object" && value !== null && isArrayBuffer(value));

/** A view of the same memory. */
export const bytesOf = (value: ArrayBufferView | ArrayBuffer): Uint8Array =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value, 0, value.byteLength);

// Array.prototype.sort costs more to call than this does for so few.
const FEW = 16;

// Integer keys come first in any object, in ascending order, whatever order they were written in; the rest is sorted.
const sortedKeys = (value: object): string[] => {
  const keys = Object.keys(value);
  let names = 0;
  while (names < keys.length && isArrayIndex(keys[names] as string)) names++;
  if (keys.length - names > FEW) return [...keys.slice(0, names), ...keys.slice(names).sort()];
  for (let i = names + 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    for (; at > names && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
};

// The prefix needs no escape. Concatenated last, so that the test reads the flat text it was given.
const quote = (prefix: string, text: string): string =>
  NEEDS_ESCAPE.test(text) ? `"${prefix}${JSON.stringify(text).slice(1)}` : `"${prefix}${text}"`;

/** Writes arguments as typed JSON text. An instance serves one message. */
export class ValueEncoder {
  readonly #options: ResolvedCodecOptions;
  // The keys that lead to the value at hand, and the containers that hold it: those up to the depth count.
  readonly #path: (string | number)[] = [];
  readonly #ancestors: object[] = [];
  #depth = 0;
  #nodes = 0;

  constructor(options: ResolvedCodecOptions) {
    this.#options = options;
  }

  /** @throws EZEZError `NOT_SERIALIZABLE`, which names the path of the value */
  encode(argument: unknown, index: number): string {
    this.#path[0] = index;
    // A scalar is no node: those of a message are as many as its parts at most.
    if (typeof argument !== "object" || argument === null) return this.#scalar(argument);
    return this.#value(argument, "", true, this.#options.sortProps);
  }

  // `raw`: not inside a class instance or the result of a toJSON. There custom serializers come before toJSON, elsewhere
  // after it: the reference encoder looks for them in a first pass that enters only arrays and plain objects.
  #value(value: unknown, key: string | number, raw: boolean, sort: boolean): string {
    if (++this.#nodes > WireLimit.nodes) this.#fail(`more than ${WireLimit.nodes} values`);
    if (typeof value !== "object" || value === null) return this.#scalar(value);
    const simple = Array.isArray(value) || isPlain(value);
    if (raw && !simple) {
      const text = this.#custom(value);
      if (text !== undefined) return text;
    }
    // A Buffer's is not asked: it gives an object.
    if ("toJSON" in value && typeof value.toJSON === "function" && !isBinary(value)) {
      // JSON.stringify asks for toJSON once, and takes what it gives as it is.
      const json: unknown = value.toJSON(String(key));
      if (typeof json !== "object" || json === null) return this.#scalar(json);
      return this.#container(json, Array.isArray(json) || isPlain(json), false, false);
    }
    return this.#container(value, simple, raw, sort);
  }

  #scalar(value: unknown): string {
    switch (typeof value) {
      case "string":
        return quote("s:", value);
      case "number":
        return `"n:${value}"`;
      case "boolean":
        return value ? '"b:1"' : '"b:"';
      case "undefined":
        return '"u:"';
      case "bigint": {
        const text = String(value);
        if (text.length - (value < 0n ? 1 : 0) > this.#options.maxBigIntLength)
          this.#fail("a bigint of too many digits");
        return `"i:${text}"`;
      }
      case "object":
        return '"l:"';
      default:
        return this.#custom(value) ?? this.#fail(`a ${typeof value} cannot be sent`);
    }
  }

  // `simple`: an array or a plain object.
  #container(value: object, simple: boolean, raw: boolean, sort: boolean): string {
    if (!simple) {
      const custom = raw ? undefined : this.#custom(value);
      if (custom !== undefined) return custom;
      if (isBinary(value)) this.#fail("bytes can only be an argument of their own");
      if (OPAQUE.has(tagOf(value))) this.#fail(`a ${tagOf(value).slice(8, -1)} cannot be sent`);
    }
    if (this.#depth === WireLimit.depth) this.#tooDeep(value);
    this.#ancestors[this.#depth++] = value;
    const text = Array.isArray(value) ? this.#array(value, raw) : this.#properties(value, raw && simple, sort);
    this.#depth--;
    return text;
  }

  #array(values: readonly unknown[], raw: boolean): string {
    let text = "[";
    for (let i = 0; i < values.length; i++) {
      this.#path[this.#depth] = i;
      if (i > 0) text += ",";
      text += this.#value(values[i], i, raw, false);
    }
    return `${text}]`;
  }

  #properties(value: object, raw: boolean, sort: boolean): string {
    let text = "{";
    for (const key of sort ? sortedKeys(value) : Object.keys(value)) {
      this.#path[this.#depth] = key;
      if (key === "__proto__") this.#fail("a key named __proto__ cannot be sent");
      if (text.length > 1) text += ",";
      text += quote("", key);
      text += ":";
      text += this.#value((value as Record<string, unknown>)[key], key, raw, false);
    }
    return `${text}}`;
  }

  #custom(value: unknown): string | undefined {
    for (const [key, serialize] of this.#options.serializers) {
      const text = serialize(value);
      if (typeof text === "string") return quote("", `${key}:${text}`);
      if (text !== null) this.#fail(`the custom serializer ${JSON.stringify(key)} must return a string or null`);
    }
    return undefined;
  }

  // Cycles are looked for only here: each gets here, or to too many values, and nothing else has to pay for the search.
  #tooDeep(value: object): never {
    const turn = [...this.#ancestors, value].findIndex((holder, i, holders) => holders.indexOf(holder) < i);
    if (turn === -1) this.#fail(`deeper than ${WireLimit.depth} levels`);
    this.#depth = turn;
    this.#fail("it contains itself");
  }

  #fail(message: string): never {
    const [index, ...keys] = this.#path.slice(0, this.#depth + 1);
    const steps = keys.map((key) => (/^[A-Za-z_$][\w$]*$/.test(`${key}`) ? `.${key}` : `[${JSON.stringify(key)}]`));
    throw new EZEZError("NOT_SERIALIZABLE", `args[${index}]${steps.join("")}: ${message}`, { stage: "encode" });
  }
}
