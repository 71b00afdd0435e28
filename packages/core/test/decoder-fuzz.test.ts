// Whatever the bytes are, decoding them is quick, ends in a message or in one error, and keeps nothing of them.
// `pnpm fuzz` runs it for longer.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it } from "vitest";
import { EZEZError } from "../src/errors.js";
import { FrameCodec, type Message, type ReservedMessage } from "../src/frame.js";
import { announce, runs, seed } from "./arbitrary.js";
import { amplified, grammatical } from "./grammar.js";
import { hostile } from "./hostile-bytes.js";
import { hex, same } from "./same.js";
import { optionsOf } from "./vectors/vector.js";

const MINUTES = Number(process.env.FUZZ_MINUTES ?? 0);
const numRuns = runs(200_000);
const SLOW_MS = 50;
/** Objects of tens of thousands of keys are slow to make in any engine: where the seed is given, and may find them, so much more for each. */
const KEY_MS = 0.002;
const BATCH = 10_000;
/** What a decoded message may hold, above a page for itself: `{}` is three bytes with its comma, and 64 in memory. */
const BYTES_HELD_PER_BYTE = 64;
const BYTES_HELD_PER_MESSAGE = 2048;
/** Noise of a heap: compiled code, and lists that have grown. */
const HEAP_NOISE = 16 * 1024 * 1024;

// A key whose order of writing is kept, so that what was read can be written again.
const codec = new FrameCodec(optionsOf({ custom: true, sortProps: false }));

const inputs = fc.oneof(
  { weight: 400, arbitrary: hostile },
  { weight: 400, arbitrary: grammatical },
  { weight: 2, arbitrary: amplified },
);

type Decoded = Message | ReservedMessage;

/** A message as a transport lends it: somewhere in memory that is used again. */
const lend = (bytes: Uint8Array): Uint8Array => {
  const memory = new Uint8Array(bytes.length + 16).fill(0x5b);
  memory.set(bytes, 8);
  return memory.subarray(8, 8 + bytes.length);
};

/** The message, or undefined where it is malformed. */
const decode = (bytes: Uint8Array): Decoded | undefined => {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof EZEZError && error.code === "MALFORMED_MESSAGE") return undefined;
    throw error;
  }
};

/** Of the clock or of the processor, whichever is less: the one counts what others do meanwhile, the other its own threads. */
const milliseconds = (bytes: Uint8Array): number => {
  const start = performance.now();
  const before = process.cpuUsage();
  decode(bytes);
  const { user, system } = process.cpuUsage(before);
  return Math.min(performance.now() - start, (user + system) / 1000);
};

/** On a busy machine anything may take long: what is slow by itself is slow at its best, too. */
const atBest = (bytes: Uint8Array): number => {
  let best = Infinity;
  for (let i = 0; i < 10 && best > SLOW_MS; i++) best = Math.min(best, milliseconds(bytes));
  return best;
};

/** How many inputs took longer, as long as their keys explain it. */
let slowByKeys = 0;

const checkSpeed = (bytes: Uint8Array): void => {
  const best = atBest(bytes);
  if (best <= SLOW_MS) return;
  // An upper bound: the same bytes may stand in a text.
  const keys = Buffer.from(bytes).toString("latin1").split('":').length - 1;
  const allowed = process.env.EZEZ_SEED === undefined ? SLOW_MS : SLOW_MS + keys * KEY_MS;
  if (best > allowed) throw new Error(`slow: ${best.toFixed(1)} ms for ${bytes.length} bytes with ${keys} keys`);
  slowByKeys++;
};

const encode = (message: Decoded): Uint8Array =>
  message.reserved
    ? codec.encodeReserved(message.eventName, ...message.args)
    : codec.encode(message.eventName, message.eventId, message.replyTo, message.args);

/** What the wire has one form for only: a lone surrogate in a string of its own, and -0. */
const normal = (value: unknown, top = true): unknown => {
  if (typeof value === "string") return top ? Buffer.from(value).toString() : value;
  if (typeof value === "number") return value === 0 ? 0 : value;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  for (const [key, of] of Object.entries(value)) Reflect.set(value, key, normal(of, false));
  return value;
};

const views = function* (value: unknown): Generator<Uint8Array> {
  if (value instanceof Uint8Array) yield value;
  else if (typeof value === "object" && value !== null) for (const of of Object.values(value)) yield* views(of);
};

const check = (bytes: Uint8Array): Decoded | undefined => {
  const lent = lend(bytes);
  const start = performance.now();
  const message = decode(lent);
  if (performance.now() - start > SLOW_MS) checkSpeed(bytes);
  if (message === undefined) return undefined;

  for (const view of views(message.args)) {
    if (view.buffer === lent.buffer) throw new Error("an argument is a view of the input");
    if (view.buffer.byteLength !== view.byteLength) throw new Error("an argument holds more than itself");
  }
  new Uint8Array(lent.buffer).fill(0xaa);
  if (!same(message, codec.decode(bytes))) throw new Error("the message changed with the bytes it was read from");

  const again = codec.decode(encode(message));
  const args = message.args.map((value) => normal(value));
  if (!same(again, { ...message, eventName: normal(message.eventName), args }))
    throw new Error("what was read, written and read again is another message");
  return message;
};

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const heap = (): number => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

interface Batch {
  readonly accepted: number;
  readonly longest: number;
}

/** Runs so many inputs of one seed; holds what they decode to until the end, and measures it. */
const batch = (batchSeed: number, count: number): Batch => {
  const held: Decoded[] = [];
  let bytesHeld = 0;
  let longest = 0;
  const before = heap();
  const result = fc.check(
    fc.property(inputs, (bytes) => {
      const message = check(bytes);
      longest = Math.max(longest, bytes.length);
      if (message === undefined) return;
      held.push(message);
      bytesHeld += bytes.length;
    }),
    { seed: batchSeed, numRuns: count },
  );
  if (result.failed) {
    const [bytes = Buffer.alloc(0)] = result.counterexample ?? [];
    const { errorInstance: cause } = result;
    const why = cause instanceof Error ? cause.message : cause;
    const repeat = `EZEZ_SEED=${batchSeed} EZEZ_RUNS=${count} repeats it`;
    throw new Error(`${why}, ${bytes.length} bytes: ${hex(bytes.subarray(0, 2000))}\n${repeat}`, { cause });
  }
  const growth = heap() - before;
  const allowed = HEAP_NOISE + BYTES_HELD_PER_BYTE * bytesHeld + BYTES_HELD_PER_MESSAGE * held.length;
  expect(growth, `bytes held by ${held.length} messages of ${bytesHeld} bytes, seed ${batchSeed}`).toBeLessThan(
    allowed,
  );
  return { accepted: held.length, longest };
};

it("any bytes are a message, read quickly and owned by its reader, or one error", {
  timeout: 240_000 + MINUTES * 60_000,
}, () => {
  announce("decoder fuzz", numRuns);
  const end = performance.now() + MINUTES * 60_000;
  let accepted = 0;
  let longest = 0;
  let done = 0;
  batch(seed, BATCH / 10);
  const before = heap();
  for (let at = 0; done < numRuns || performance.now() < end; at++) {
    const count = MINUTES > 0 ? BATCH : Math.min(BATCH, numRuns - done);
    const result = batch(seed + at, count);
    accepted += result.accepted;
    longest = Math.max(longest, result.longest);
    done += count;
  }
  const slow = `${slowByKeys} over ${SLOW_MS} ms by their keys`;
  console.log(`decoder fuzz: ${done} inputs of up to ${longest} bytes, ${accepted} accepted, ${slow}`);
  expect(accepted).toBeGreaterThan(done / 20);
  expect(heap() - before, "bytes that stay when all messages are gone").toBeLessThan(HEAP_NOISE);
});
