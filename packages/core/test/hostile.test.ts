// Messages cut short and changed by a byte.
import { expect, it } from "vitest";
import { resolveCodecOptions } from "../src/codec/options.js";
import { FrameCodec } from "../src/frame.js";
import { bytes, concat, decodeParts, expectMalformed, part } from "./codec.js";
import { validMessages } from "./messages.js";
import { referenceDecode } from "./reference.js";
import { hex, same } from "./same.js";
import { optionsOf } from "./vectors/vector.js";

const options = optionsOf({ custom: true });
const resolved = resolveCodecOptions(options);
const codec = new FrameCodec(options);

it("there are 50 valid messages, all different", () => {
  expect(new Set(validMessages.map(hex)).size).toBe(50);
  for (const message of validMessages) codec.decode(message);
});

it("every prefix of a valid message is refused, or ends where an argument does", () => {
  for (const message of validMessages) {
    const ends = new Set(partEnds(message));
    for (let length = 0; length < message.length; length++) {
      const prefix = message.subarray(0, length);
      // The format has no length of the whole: a message without its last arguments is a message.
      if (ends.has(length))
        expect(isPrefixOf(decodeParts(prefix, resolved), decodeParts(message, resolved))).toBe(true);
      else expectMalformed(() => codec.decode(prefix));
    }
  }
});

it("every change of one byte of a valid message is refused, or read as the reference reads it", () => {
  let taken = 0;
  for (const message of validMessages) {
    const changed = new Uint8Array(message);
    for (let at = 0; at < message.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        if (byte === message[at]) continue;
        changed[at] = byte;
        let values: unknown[];
        try {
          values = decodeParts(changed, resolved);
        } catch {
          continue;
        }
        taken++;
        if (!same(values, referenceDecode(changed, options))) {
          expect(values, `byte ${at} of ${hex(message)} set to ${byte}`).toEqual(referenceDecode(changed, options));
        }
      }
      changed[at] = message[at] as number;
    }
  }
  expect(taken).toBeGreaterThan(10_000);
});

it.each<[string, Uint8Array]>([
  ["a name of bytes", concat(part("t", "e"), part("j", '"n:1"'), part("j", '"l:"'))],
  ["a name that is no text", concat(part("j", '"n:1"'), part("j", '"n:1"'), part("j", '"l:"'))],
  [
    "a name that is an object with a toString",
    concat(part("j", '{"toString":"n:1"}'), part("j", '"n:1"'), part("j", '"l:"')),
  ],
  ["an empty name", concat(part("f", ""), part("j", '"n:1"'), part("j", '"l:"'))],
  ["a name of 257 bytes", concat(part("f", "n".repeat(257)), part("j", '"n:1"'), part("j", '"l:"'))],
  [
    "a name of 129 characters and 258 bytes",
    concat(part("f", "\u00e9".repeat(129)), part("j", '"n:1"'), part("j", '"l:"')),
  ],
  ["a name alone", part("f", "e")],
  ["a name and an id", concat(part("f", "e"), part("j", '"n:1"'))],
  ...[
    '"n:0"',
    '"n:-1"',
    '"n:-0"',
    '"n:1.5"',
    '"n:9007199254740992"',
    '"n:NaN"',
    '"n:Infinity"',
    '"i:1"',
    '"s:1"',
    '"l:"',
    '"u:"',
    "{}",
    "[]",
    '["n:1"]',
    '"b:1"',
  ].flatMap((json): [string, Uint8Array][] => [
    [`the id ${json}`, concat(part("f", "e"), part("j", json), part("j", '"l:"'))],
    ...(json === '"l:"'
      ? []
      : [[`replyTo ${json}`, concat(part("f", "e"), part("j", '"n:1"'), part("j", json))] as [string, Uint8Array]]),
  ]),
  ["an id that is a text", concat(part("f", "e"), part("f", "1"), part("j", '"l:"'))],
  ["an id of 10 KB", concat(part("f", "e"), part("f", "1".repeat(10_000)), part("j", '"l:"'))],
])("%s is no message", (_, message) => {
  expectMalformed(() => codec.decode(message));
});

it("a reserved name is a message by itself, whatever it is", () => {
  expect(codec.decode(part("f", "ezez-ws::"))).toEqual({ reserved: true, eventName: "ezez-ws::", args: [] });
  expect(codec.decode(part("f", "ezez-ws::x"))).toMatchObject({ reserved: true });
  expectMalformed(() => codec.decode(bytes("0f\0\0")));
});

it("an object takes memory for its keys, not for integers below them", () => {
  const objects = Array.from({ length: 10_000 }, () => '{"1000":[]}').join();
  const before = process.memoryUsage().heapUsed;
  const values = decodeParts(part("j", `[${objects}]`), resolved);
  // 12 KiB for each would be 120 MiB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024);
  expect(values).toEqual([Array.from({ length: 10_000 }, () => ({ 1000: [] }))]);
});

it("integer keys are all kept, in ascending order, however far apart they are", () => {
  for (const keys of [
    [0, 1, 2, 3],
    [4_294_967_294, 1000, 0],
    [1000, 4_294_967_294, 999, 4_294_967_295],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
  ]) {
    const properties = keys.map((key) => `"${key}":"n:${key}"`).join();
    const [value] = decodeParts(part("j", `{${properties}}`), resolved) as [object];
    const sorted = [...keys].sort((a, b) => a - b);
    expect(Object.entries(value)).toEqual(sorted.map((key) => [String(key), key]));
  }
  for (const key of [1000, 4_294_967_294]) {
    expectMalformed(() => decodeParts(part("j", `{"${key}":"u:","1":"u:","${key}":"u:"}`), resolved));
  }
});

const partEnds = (message: Uint8Array): number[] => {
  const ends: number[] = [];
  for (let at = 0; at < message.length; ) {
    const split = message.indexOf(0, at);
    at = split + 1 + Number.parseInt(Buffer.from(message.subarray(at, split)).toString(), 10) + 1;
    ends.push(at);
  }
  return ends;
};

const isPrefixOf = (shorter: unknown[], longer: unknown[]): boolean => same(shorter, longer.slice(0, shorter.length));
