import { serializeToBuffer, unserializeFromBuffer } from "@ezez/utils";
import type { CodecOptions } from "../src/codec/options.js";

/** Bytes as the reference encoder writes them. Its types leave out what it does take: `null` and any record. */
export const referenceEncode = (values: readonly unknown[], options: CodecOptions = {}): Uint8Array =>
  serializeToBuffer(Buffer, (options.serializerArgs ?? []) as never, ...values);

/** Values as the reference decoder reads them. It never ends on a length below 0, so those are kept from it. */
export const referenceDecode = (bytes: Uint8Array, options: CodecOptions = {}): unknown[] => {
  if (goesBack(bytes)) throw new Error("the reference decoder would not end");
  return unserializeFromBuffer(Buffer, (options.unserializerArgs ?? []) as never, bytes);
};

// Follows the lengths as the reference does.
const goesBack = (bytes: Uint8Array): boolean => {
  for (let at = 0; at < bytes.length; ) {
    const split = bytes.indexOf(0, at);
    if (split === -1) return false;
    const length = Number(Buffer.from(bytes.subarray(at, split)).toString("utf8").slice(0, -1));
    if (!(length >= 0)) return length < 0;
    at = split + 1 + length + 1;
  }
  return false;
};
