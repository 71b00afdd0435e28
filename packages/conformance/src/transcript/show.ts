import { createHash } from "node:crypto";
import { FrameCodec } from "@ezez-ws/core";
import { type Frame, Opcode } from "../frames.js";
import { decode, encode } from "../messages.js";
import type { HttpResponse } from "../wire.js";

const LONGEST = 300;

/** A value as text, the same on every runtime. */
export const show = (value: unknown): string => {
  if (typeof value === "string") return shorten(quote(value));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Uint8Array) return shorten(`hex(${Buffer.from(value).toString("hex")})`);
  if (value instanceof Map) return `Map(${show([...value])})`;
  if (value instanceof Set) return `Set(${show([...value])})`;
  if (value instanceof Error) return `${value.name}(${show(value.message)})`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${show(inner)}`)
    .join(", ")}}`;
};

// JSON inside is legible.
const quote = (text: string): string => {
  const isJson = text.startsWith("{") && !text.includes("'");
  return isJson ? `'${text}'` : JSON.stringify(text);
};

const shorten = (text: string): string => {
  if (text.length <= LONGEST) return text;
  const digest = createHash("sha1").update(text).digest("hex").slice(0, 12);
  return `${text.slice(0, 40)}... (${text.length} characters, sha1 ${digest})`;
};

// Of broadcasts; below are those of connections.
const FIRST_BROADCAST_ID = 2 ** 48;

/**
 * The one rule for what is random on the wire: the ids of one connection count from a random start, so the first that is
 * seen is #1. A broadcast's are its server's: b1 is the first.
 */
export class Ids {
  #first: number | undefined;

  /** An id that the server gave. */
  given(id: number): string {
    if (id >= FIRST_BROADCAST_ID) return `b${id - FIRST_BROADCAST_ID + 1}`;
    this.#first ??= id;
    return `#${id - this.#first + 1}`;
  }

  /** An id that should be the server's; others are shown as they are. */
  named(id: unknown): string {
    if (typeof id !== "number") return show(id);
    const isOurs = id >= FIRST_BROADCAST_ID || (this.#first !== undefined && Math.abs(id - this.#first) < 1e6);
    return isOurs ? this.given(id) : show(id);
  }
}

const OPCODES = Object.fromEntries(Object.entries(Opcode).map(([name, opcode]) => [opcode, name]));

/** A frame as text, from which every byte of it can be told. */
export const showFrame = (frame: Frame, ids: Ids): string => {
  const { fin, rsv, opcode, masked, payload } = frame;
  const odd = `${fin ? "" : " not final"}${rsv === 0 ? "" : ` rsv ${rsv}`}${masked ? " masked" : ""}`;
  const content = opcode === Opcode.binary ? showMessage(payload, ids) : show(payload);
  return `${OPCODES[opcode] ?? `opcode ${opcode}`}${odd} ${content}`;
};

const showMessage = (payload: Buffer, ids: Ids): string => {
  const parts = decode(payload);
  // The bytes are those of the parts and no others, or they are shown themselves.
  const isExact = encode(...parts).equals(payload);
  const [eventName, eventId, replyTo, ...args] = parts;
  if (!isExact || typeof eventName !== "string") return show(payload);
  if (eventName.startsWith("ezez-ws::")) return parts.map(show).join(" ");
  if (typeof eventId !== "number") return show(payload);
  return [show(eventName), ids.given(eventId), show(replyTo), ...args.map(show)].join(" ");
};

/** A message that a peer sends, as text. */
export const showSent = (payload: Buffer, ids: Ids): string => {
  try {
    const message = new FrameCodec().decode(payload);
    const { eventName, args } = message;
    const envelope = message.reserved ? [] : [show(message.eventId), ids.named(message.replyTo)];
    return [show(eventName), ...envelope, ...args.map(show)].join(" ");
  } catch {
    return show(payload);
  }
};

/** The headers of HTTP that are the environment's, and those that say only how the body ends. */
const ENVIRONMENT = new Set([
  "host",
  "sec-websocket-key",
  "sec-websocket-accept",
  "date",
  "server",
  "uwebsockets",
  "connection",
  "keep-alive",
  "upgrade",
  "content-length",
  "transfer-encoding",
]);

export const showHeaders = (headers: ReadonlyMap<string, string>): string =>
  [...headers]
    .filter(([name]) => !ENVIRONMENT.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ` ${name}=${show(value)}`)
    .join("");

export const showResponse = ({ status, headers, body }: HttpResponse): string =>
  `HTTP ${status}${showHeaders(headers)}${body === "" ? "" : ` body ${show(body)}`}`;
