import { encodeFrame, Opcode } from "../../packages/conformance/src/frames.js";
import { encode, part } from "../../packages/conformance/src/messages.js";
import { ASK, BROADCAST, NEWS, QUESTION } from "../servers/raw-app.js";
import { VALUES, type ValueName } from "../values.js";
import { type Checker, ExactChecker, EzezChecker } from "./checkers.js";
import type { DialectName } from "./commands.js";
import { Ring } from "./ring.js";

/** What to send, if anything, and how the payload that comes back begins. */
export interface Step {
  readonly send?: Buffer;
  readonly expect: string;
}

export type OrderName = "broadcast" | "ask" | "askMe" | "hold";

/** One checker for each connection; the callback answers pings. */
export type MakeChecker = (onPing: () => void) => Checker;

/** How one kind of server is spoken to. Texts are payloads, one character for each byte. */
export interface Dialect {
  readonly path: string;
  /** From the upgrade to a client that may send. */
  readonly greeting: readonly Step[];
  /** Requests, and the checkers of their answers. */
  echo(name: ValueName): { readonly requests: Ring; readonly checker: MakeChecker };
  /** Checks what an order to broadcast brings to every client. */
  readonly news: MakeChecker;
  /** The frame of an order. */
  order(name: OrderName, id: number, count?: number): Buffer;
  /** The frame that answers a question, or undefined where this is none. */
  answer(text: string, id: number): Buffer | undefined;
  /** Whether this answers an order. */
  isDone(text: string, name: OrderName): boolean;
}

/** The most messages that a connection has under way. */
export const LARGEST_WINDOW = 20;

const isLarge = (name: ValueName): boolean => name === "64KiB";

/** Ids of equally many digits, so that frames are equally long. */
const idsFor = (name: ValueName): number[] =>
  Array.from({ length: isLarge(name) ? LARGEST_WINDOW + 4 : 1000 }, (_, i) => 1000 + i);

const binary = (payload: Uint8Array): Buffer => encodeFrame(Opcode.binary, payload);
const text = (payload: string): Buffer => encodeFrame(Opcode.text, Buffer.from(payload));
const unmasked = (opcode: number, payload: Uint8Array): Buffer => encodeFrame(opcode, payload, { masked: false });
const ring = (frames: Buffer[]): Ring => new Ring(frames, LARGEST_WINDOW);

const AUTH = encode("ezez-ws::auth", "key", 1);

const echoMessage = (name: ValueName, id: number): Buffer => encode("echo", id, null, VALUES[name]);

const raw: Dialect = {
  path: "/",
  greeting: [{ send: binary(AUTH), expect: AUTH.toString("latin1") }],
  echo: (name) => {
    const messages = idsFor(name).map((id) => echoMessage(name, id));
    const answers = ring(messages.map((message) => unmasked(Opcode.binary, message)));
    return { requests: ring(messages.map(binary)), checker: () => new ExactChecker(answers) };
  },
  news: () => new ExactChecker(ring([unmasked(Opcode.binary, NEWS)])),
  order: (name) => binary(Uint8Array.of(name === "ask" ? ASK : BROADCAST)),
  answer: (text) => (text === RAW_QUESTION ? RAW_ANSWER : undefined),
  isDone: (text) => text === String.fromCharCode(ASK),
};

const RAW_QUESTION = QUESTION.toString("latin1");
const RAW_ANSWER = binary(encode("answer", 1, 1, "hello"));

// Matched whole: a name, an id, a replyTo, an argument. A space is 0x00.
const EZEZ_QUESTION = /^8f question \d+j "n:(\d+)" 4j "l:" 5f hello $/;
const EZEZ_DONE = /^\df (ask|askMe) \d+j "n:\d+" \d+j "n:\d+" $/;
const spaced = (text: string): string => text.replaceAll("\0", " ");

const numberPart = (digits: number | string): string => {
  const json = `"n:${digits}"`;
  return `${json.length}j\0${json}\0`;
};

/** `["answer", id, replyTo, "hello"]`, by hand: it is made while the clock runs. */
const ezezAnswer = (id: number, replyTo: string): Buffer =>
  Buffer.from(`6f\0answer\0${numberPart(id)}${numberPart(replyTo)}5f\0hello\0`, "latin1");

const ezez: Dialect = {
  path: "/",
  greeting: [{ send: binary(AUTH), expect: part("f", "ezez-ws::auth-ok").toString("latin1") }],
  echo: (name) => {
    const ids = idsFor(name);
    const tails = ring(ids.map((id) => encode(id, VALUES[name])));
    return {
      requests: ring(ids.map((id) => binary(echoMessage(name, id)))),
      checker: (onPing) => new EzezChecker(part("f", "echo"), tails, onPing),
    };
  },
  news: (onPing) => new EzezChecker(part("f", "news"), ring([encode(null, "hello")]), onPing),
  order: (name, id, count) => binary(encode(name, id, null, ...(count === undefined ? [] : [count]))),
  answer: (text, id) => {
    const asked = EZEZ_QUESTION.exec(spaced(text))?.[1];
    return asked === undefined ? undefined : binary(ezezAnswer(id, asked));
  },
  isDone: (text, name) => EZEZ_DONE.exec(spaced(text))?.[1] === name,
};

const SOCKETIO_QUESTION = /^42(\d+)\["question","hello"\]$/;
const PLACEHOLDER = '{"_placeholder":true,"num":0}';

const socketio: Dialect = {
  path: "/socket.io/?EIO=4&transport=websocket",
  greeting: [{ expect: "0{" }, { send: text('40{"key":"key"}'), expect: "40{" }],
  echo: (name) => {
    const value: unknown = VALUES[name];
    const both = (id: number): readonly [request: Buffer, answer: Buffer] => {
      if (Buffer.isBuffer(value)) {
        return [
          Buffer.concat([text(`451-${id}["echo",${PLACEHOLDER}]`), binary(value)]),
          Buffer.concat([
            unmasked(Opcode.text, Buffer.from(`461-${id}[${PLACEHOLDER}]`)),
            unmasked(Opcode.binary, value),
          ]),
        ];
      }
      const json = JSON.stringify(value);
      return [text(`42${id}["echo",${json}]`), unmasked(Opcode.text, Buffer.from(`43${id}[${json}]`))];
    };
    const frames = idsFor(name).map(both);
    const answers = ring(frames.map(([, answer]) => answer));
    return { requests: ring(frames.map(([request]) => request)), checker: () => new ExactChecker(answers) };
  },
  news: () => new ExactChecker(ring([unmasked(Opcode.text, Buffer.from('42["news","hello"]'))])),
  order: (name, id) => text(name === "ask" ? `42${id}["ask"]` : `42["${name}"]`),
  answer: (payload) => {
    const asked = SOCKETIO_QUESTION.exec(payload)?.[1];
    return asked === undefined ? undefined : text(`43${asked}["hello"]`);
  },
  isDone: (payload) => /^43\d+\["done"\]$/.test(payload),
};

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = { raw, ezez, socketio };
