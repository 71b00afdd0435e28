import fc from "fast-check";
import { validMessages } from "./messages.js";

// Bytes and groups of them that mean something on the wire.
export const token = fc.constantFrom(
  ...'0 1 4 5 9 10 -5 t f j \0 \0\0 " : , [ ] { } \\ s: n: i: b: u: l: money: e E . - + _ NaN Infinity \u00e9 \ufeff'.split(
    " ",
  ),
  "4f\0test\0",
  '5j\0"n:1"\0',
  '"u:"',
  '"__proto__":',
  '"a":',
  "\\u0041",
  "\\ud800",
);
const edit = fc.record({
  kind: fc.constantFrom("flip", "set", "insert", "remove", "repeat", "cut", "digit"),
  at: fc.nat({ max: 10_000 }),
  length: fc.integer({ min: 1, max: 6 }),
  byte: fc.nat({ max: 255 }),
  token,
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const edited = (message: Uint8Array, { kind, at: where, length, byte, token }: Edit): Uint8Array => {
  const at = where % (message.length + 1);
  const before = message.subarray(0, at);
  const after = message.subarray(at);
  switch (kind) {
    case "flip":
      return Buffer.concat([before, after.map((value, i) => (i === 0 ? value ^ (1 << (byte % 8)) : value))]);
    case "set":
      return Buffer.concat([before, Buffer.from([byte]), after.subarray(1)]);
    case "insert":
      return Buffer.concat([before, Buffer.from(token), after]);
    case "remove":
      return Buffer.concat([before, after.subarray(length)]);
    case "repeat":
      return Buffer.concat([before, after.subarray(0, length), after]);
    case "cut":
      return before;
    case "digit":
      return message.map((value, i) =>
        i >= at && i < at + length && value >= 0x30 && value <= 0x39 ? 0x30 + (byte % 10) : value,
      );
    default:
      throw new Error(kind);
  }
};

// A typed JSON part of any text, under a length that is right, so that changes get past the framing.
const framed = fc.array(token, { maxLength: 8 }).map((tokens) => {
  const content = Buffer.from(tokens.join(""));
  return Buffer.concat([Buffer.from(`${content.length}j\0`), content, Buffer.from([0])]);
});
const scalar = fc
  .tuple(fc.constantFrom("s", "n", "i", "b", "u", "l", "money", "tag", "x", ""), fc.array(token, { maxLength: 3 }))
  .map(([key, tokens]) => {
    const content = Buffer.from(`"${key}:${tokens.join("")}"`);
    return Buffer.concat([Buffer.from(`${content.length}j\0`), content, Buffer.from([0])]);
  });

/** Changed messages, random bytes, and parts of any content. */
export const hostile: fc.Arbitrary<Uint8Array> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(...validMessages), fc.array(edit, { minLength: 1, maxLength: 3 }))
      .map(([message, edits]) => edits.reduce(edited, message)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.array(token, { maxLength: 20 }).map((tokens) => Buffer.from(tokens.join(""))) },
  { weight: 1, arbitrary: framed },
  { weight: 1, arbitrary: scalar },
);
