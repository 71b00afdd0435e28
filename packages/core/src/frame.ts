import { type CodecOptions, type ResolvedCodecOptions, resolveCodecOptions } from "./codec/options.js";
import { encodeParts, PartsReader } from "./codec/parts.js";
import { byteLengthOf } from "./codec/text.js";
import { EZEZError, malformed } from "./errors.js";
import { RESERVED_PREFIX, WireLimit } from "./protocol.js";

/** A message of the application's. */
export interface Message {
  readonly reserved: false;
  readonly eventName: string;
  readonly eventId: number;
  readonly replyTo: number | null;
  readonly args: unknown[];
}

/** A message of the protocol's own, such as auth. */
export interface ReservedMessage {
  readonly reserved: true;
  readonly eventName: string;
  readonly args: unknown[];
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Turns messages into bytes and back: `[eventName, eventId, replyTo, ...args]`, or `[reservedName, ...args]`. */
export class FrameCodec {
  readonly #options: ResolvedCodecOptions;

  /** @throws EZEZError `INVALID_OPTION` */
  constructor(options: CodecOptions = {}) {
    this.#options = resolveCodecOptions(options);
  }

  /** The bytes are lent until the next call. @throws EZEZError `INVALID_EVENT_NAME` or `NOT_SERIALIZABLE` */
  encode(eventName: string, eventId: number, replyTo: number | null, args: readonly unknown[]): Uint8Array {
    if (!isEventName(eventName) || eventName.startsWith(RESERVED_PREFIX)) {
      const rule = `must be 1 to ${WireLimit.eventNameBytes} bytes and not start with ${RESERVED_PREFIX}`;
      throw new EZEZError("INVALID_EVENT_NAME", `an event's name ${rule}`, { stage: "encode" });
    }
    if (!Array.isArray(args)) throw new EZEZError("NOT_SERIALIZABLE", "args must be an array", { stage: "encode" });
    if (args.length + ENVELOPE > WireLimit.parts) {
      throw new EZEZError("NOT_SERIALIZABLE", `more than ${WireLimit.parts - ENVELOPE} arguments`, { stage: "encode" });
    }
    return encodeParts([eventName, eventId, replyTo, ...args], ENVELOPE, this.#options);
  }

  /** The bytes are lent until the next call. */
  encodeReserved(eventName: string, ...args: unknown[]): Uint8Array {
    return encodeParts([eventName, ...args], 1, this.#options);
  }

  /** @throws EZEZError `MALFORMED_MESSAGE`, whatever the bytes are */
  decode(bytes: Uint8Array): Message | ReservedMessage {
    const parts = new PartsReader(bytes, this.#options);
    const eventName = parts.next();
    if (!isEventName(eventName)) throw malformed("a message must begin with its event's name");
    if (eventName.startsWith(RESERVED_PREFIX)) return { reserved: true, eventName, args: parts.rest() };
    const eventId = parts.next();
    if (!isId(eventId)) throw malformed("a message's id must be a positive integer");
    const replyTo = parts.next();
    if (!(replyTo === null || isId(replyTo))) throw malformed("replyTo must be null or a positive integer");
    return { reserved: false, eventName, eventId, replyTo, args: parts.rest() };
  }
}

const ENVELOPE = 3;

const isEventName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length > 0 &&
  value.length <= WireLimit.eventNameBytes &&
  // A unit is three bytes at most: few names have to be counted.
  (value.length * 3 <= WireLimit.eventNameBytes || byteLengthOf(value) <= WireLimit.eventNameBytes);
