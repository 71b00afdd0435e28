import { expect } from "vitest";
import { type CodecOptions, type ResolvedCodecOptions, resolveCodecOptions } from "../src/codec/options.js";
import { encodeParts, PartsReader } from "../src/codec/parts.js";
import { EZEZError } from "../src/errors.js";

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** One part, under the length that its content has. */
export const part = (mark: string, content: string | Uint8Array): Uint8Array => {
  const data = Buffer.from(content);
  return new Uint8Array(Buffer.concat([Buffer.from(`${data.length}${mark}\0`), data, Buffer.from([0])]));
};

export const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

export const encode = (values: readonly unknown[], options: CodecOptions = {}): Uint8Array =>
  encodeParts(values, 0, resolveCodecOptions(options));
/** The values of all parts. */
export const decodeParts = (message: Uint8Array, options: ResolvedCodecOptions): unknown[] =>
  new PartsReader(message, options).rest();
export const decode = (message: Uint8Array, options: CodecOptions = {}): unknown[] =>
  decodeParts(message, resolveCodecOptions(options));

/** The typed JSON of one argument. */
export const typed = (value: unknown, options: CodecOptions = {}): string => {
  const text = Buffer.from(encode([value], options)).toString();
  return text.slice(text.indexOf("\0") + 1, -1);
};
/** The value of one argument, from its typed JSON. */
export const value = (json: string, options: CodecOptions = {}): unknown => decode(part("j", json), options)[0];

/** The error that a call throws, which must be ours. */
export const errorOf = (call: () => unknown): EZEZError => {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(EZEZError);
    return error as EZEZError;
  }
  throw new Error("nothing was thrown");
};

export const expectMalformed = (call: () => unknown): void => {
  // It says why: the peer gets that as the reason of the close.
  expect(errorOf(call)).toMatchObject({ code: "MALFORMED_MESSAGE", message: expect.stringMatching(/./) });
};
export const expectNotSerializable = (
  argument: unknown,
  message: RegExp | string,
  options: CodecOptions = {},
): void => {
  const error = errorOf(() => encode([argument], options));
  expect(error).toMatchObject({ code: "NOT_SERIALIZABLE", stage: "encode" });
  expect(error.message).toMatch(message);
};
