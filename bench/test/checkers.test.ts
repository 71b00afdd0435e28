import { describe, expect, it } from "vitest";
import { encodeFrame, Opcode } from "../../packages/conformance/src/frames.js";
import { encode, part } from "../../packages/conformance/src/messages.js";
import { type Checker, ExactChecker, EzezChecker } from "../generator/checkers.js";
import { Ring } from "../generator/ring.js";

const frame = (payload: Uint8Array): Buffer => encodeFrame(Opcode.binary, payload, { masked: false });

const REQUESTS = [1000, 1001, 1002];
// Frames with each of the three forms of a length.
const VALUES = { short: "hello", medium: "x".repeat(300), long: Buffer.alloc(70_000, "y") };

const answer = (eventId: number, replyTo: number, value: unknown): Buffer =>
  frame(encode("echo", eventId, replyTo, value));

const ezezChecker = (value: unknown, onPing = (): void => undefined): Checker =>
  new EzezChecker(
    part("f", "echo"),
    new Ring(
      REQUESTS.map((id) => encode(id, value)),
      1,
    ),
    onPing,
  );

const pushInPieces = (checker: Checker, bytes: Buffer, size: number): number => {
  let done = 0;
  for (let at = 0; at < bytes.length; at += size) done += checker.push(bytes.subarray(at, at + size));
  return done;
};

describe.each(Object.entries(VALUES))("the checker of ezez answers, %s", (_name, value) => {
  // The server's ids grow by a digit; the requests' begin anew.
  const answers = Buffer.concat([8, 9, 10, 11].map((eventId, i) => answer(eventId, REQUESTS[i % 3] ?? 0, value)));

  it("counts answers, however their bytes come", () => {
    for (const size of value.length > 1000 ? [1000, 70_001, 1_000_000] : [1, 2, 3, 7, 100, 1_000_000]) {
      expect(pushInPieces(ezezChecker(value), answers, size)).toBe(4);
    }
  });

  it("refuses answers out of order", () => {
    expect(() => ezezChecker(value).push(answer(1, 1001, value))).toThrow("a wrong answer");
  });

  it("refuses another value", () => {
    const other = Buffer.from(answers);
    other[other.length - 2] = 0;
    expect(() => ezezChecker(value).push(other)).toThrow("a wrong answer");
  });
});

describe("the checker of ezez answers", () => {
  it("refuses a change in any byte but those of the id", () => {
    const right = answer(5, 1000, "hello");
    const more = Buffer.concat([1001, 1002, 1000].map((id) => answer(6, id, "hello")));
    const id = right.indexOf('"n:5"') + 3;
    for (let at = 0; at < right.length; at++) {
      if (at === id) continue;
      const wrong = Buffer.from(right);
      wrong[at] = (wrong[at] ?? 0) ^ 0x40;
      // A length that became larger waits for more.
      expect(() => ezezChecker("hello").push(Buffer.concat([wrong, more])), `byte ${at}`).toThrow("a wrong answer");
    }
  });

  it("answers pings between answers", () => {
    let pings = 0;
    const checker = ezezChecker("hello", () => pings++);
    const ping = encodeFrame(Opcode.ping, Buffer.alloc(0), { masked: false });
    expect(checker.push(Buffer.concat([ping, answer(1, 1000, "hello"), ping, answer(2, 1001, "hello")]))).toBe(2);
    expect(pings).toBe(2);
  });
});

describe("the checker of exact answers", () => {
  const frames = REQUESTS.map((id) => frame(encode("echo", id, null, "hello")));
  const stream = Buffer.concat([...frames, ...frames]);
  const checker = (): Checker => new ExactChecker(new Ring(frames, 1));

  it("counts answers, however their bytes come", () => {
    for (const size of [1, 2, 7, 50, 1000]) expect(pushInPieces(checker(), stream, size)).toBe(6);
  });

  it("refuses a change in any byte", () => {
    for (let at = 0; at < stream.length; at++) {
      const wrong = Buffer.from(stream);
      wrong[at] = (wrong[at] ?? 0) ^ 0x40;
      expect(() => checker().push(wrong), `byte ${at}`).toThrow("a wrong answer");
    }
  });
});
