import { serializeToBuffer, unserializeFromBuffer } from "@ezez/utils";

/** An ezez message in bytes, by the reference encoder: `[eventName, eventId, replyTo, ...args]`, or any other parts. */
export const encode = (...parts: unknown[]): Buffer => serializeToBuffer(Buffer, [], ...parts);

/** The parts of an ezez message, by the reference decoder. */
export const decode = (bytes: Uint8Array): unknown[] => unserializeFromBuffer(Buffer, [], bytes);

/** A part written by hand, independent of every encoder: mark `f`, `j` or `t`. */
export const part = (mark: string, content: string | Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${Buffer.byteLength(content)}${mark}\0`), Buffer.from(content), Buffer.from([0])]);

/** The bytes of auth-rejected with this reason, by hand. */
export const authRejectedBytes = (reason: string): Buffer =>
  Buffer.concat([part("f", "ezez-ws::auth-rejected"), part("f", reason)]);

/** Hex with spaces, as the protocol document writes it. */
export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");
