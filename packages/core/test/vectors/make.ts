/**
 * Writes the golden vectors with the reference encoder, `@ezez/utils`:
 *
 *     node --import tsx packages/core/test/vectors/make.ts
 *
 * A test asserts that the files are what this makes.
 */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { referenceDecode, referenceEncode } from "../reference.js";
import { hex, same } from "../same.js";
import { type Notation, parse } from "./notation.js";
import { optionsOf, type Vector } from "./vector.js";

type Case = Omit<Vector, "hex">;

const U: Notation = { $: "undefined" };
const number = (text: string): Notation => ({ $: "number", text });
const bigint = (text: string): Notation => ({ $: "bigint", text });
const bytes = (hex: string): Notation => ({ $: "bytes", hex });
const repeat = (text: string, count: number): Notation => ({ $: "repeat", text, count });
const date = (text: string): Notation => ({ $: "date", text });
const point = (own: Notation): Notation => ({ $: "point", own });
const json = (is: Notation): Notation => ({ $: "json", is });
const money = (text: string): Notation => ({ $: "money", text });
const tag = (text: string): Notation => ({ $: "tag", text });
const nest = (depth: number, value: Notation): Notation => ({ $: "nest", depth, value });

const one = (name: string, value: Notation, decoded?: Notation): Case => ({
  name,
  values: [value],
  ...(decoded === undefined ? {} : { decoded: [decoded] }),
});
const custom = (name: string, value: Notation, decoded?: Notation): Case => ({
  ...one(name, value, decoded),
  custom: true,
});
const unsorted = (name: string, value: Notation, decoded?: Notation): Case => ({
  ...one(name, value, decoded),
  sortProps: false,
});

const numbers = [
  0,
  1,
  -1,
  7,
  9,
  10,
  42,
  99,
  100,
  255,
  256,
  65_535,
  0.1,
  0.5,
  -0.5,
  1.5,
  98.6,
  123.456,
  1e-7,
  1e-6,
  1e20,
  1e21,
  1e22,
  -1e21,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53) + 1,
  1e300,
  5e-324,
  1.7976931348623157e308,
  1 / 3,
  123_456_789_012_345,
  1_234_567_890_123_456,
];
const texts: Record<string, string> = {
  empty: "",
  "one letter": "a",
  "a word": "hello",
  "23 letters": "abcdefghijklmnopqrstuvw",
  "24 letters": "abcdefghijklmnopqrstuvwx",
  "25 letters": "abcdefghijklmnopqrstuvwxy",
  "99 letters": "x".repeat(99),
  "100 letters": "x".repeat(100),
  "two-byte characters": "h\u00e9llo w\u00f6rld",
  "nine characters of two bytes": "\u00e9".repeat(9),
  "fifty characters of two bytes": "\u00e9".repeat(50),
  "three-byte characters": "\u65e5\u672c\u8a9e",
  emoji: "a\u{1f600}b",
  "a family of emoji": "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
  "a flag": "\u{1f1f5}\u{1f1f1}",
  "a combining accent": "e\u0301",
  "right to left": "\u05e9\u05dc\u05d5\u05dd",
  "a BOM alone": "\ufeff",
  "a BOM in front": "\ufefftext",
  "two BOMs": "\ufeff\ufeff",
  "a NUL": "a\0b",
  "only NULs": "\0\0\0",
  "control characters": "\u0001\b\t\n\v\f\r\u001f\u007f",
  "quotes and backslashes": 'say "hi" \\ now',
  "line separators": "\u2028\u2029",
  "the last code units": "\uffff\ufffe\ufffd",
  "the last code point": "\u{10ffff}",
  "like typed JSON": '"s:text"',
  "like a part": "4f\0test\0",
  "prefixes of scalars": "n:1",
};
const loneSurrogates: Record<string, [text: string, decoded: string]> = {
  "a lone high surrogate": ["\ud800", "\ufffd"],
  "a lone low surrogate": ["\udfff", "\ufffd"],
  "a high surrogate before a letter": ["a\ud83db", "a\ufffdb"],
  "surrogates in the wrong order": ["\ude00\ud83d", "\ufffd\ufffd"],
  "a high surrogate before a pair": ["\ud83d\u{1f600}", "\ufffd\u{1f600}"],
  "a long text with a lone surrogate": [`${"x".repeat(40)}\ud800`, `${"x".repeat(40)}\ufffd`],
};

const files: Record<string, Case[]> = {
  scalars: [
    one("undefined", U),
    one("null", null),
    one("true", true),
    one("false", false),
    one("NaN", number("NaN")),
    one("Infinity", number("Infinity")),
    one("-Infinity", number("-Infinity")),
    one("-0", number("-0"), 0),
    ...numbers.map((value) => one(`the number ${value}`, value)),
    ...["0", "1", "-1", "9007199254740993", "-9007199254740993", `1${"0".repeat(100)}`, `-${"9".repeat(1024)}`].map(
      (text) => one(`a bigint of ${text.length} characters, ${text.slice(0, 20)}`, bigint(text)),
    ),
    one("a bigint of 10,000 digits", bigint("7".repeat(10_000))),
  ],
  texts: [
    ...Object.entries(texts).map(([name, text]) => one(`${name}, as an argument`, text)),
    ...Object.entries(texts).map(([name, text]) => one(`${name}, nested`, [text])),
    ...Object.entries(texts).map(([name, text]) => one(`${name}, as a key`, { [text]: text })),
    ...Object.entries(loneSurrogates).map(([name, [text, decoded]]) => one(`${name}, as an argument`, text, decoded)),
    ...Object.entries(loneSurrogates).map(([name, [text]]) => one(`${name}, nested and as a key`, { [text]: [text] })),
    one("a text of 17,000 bytes", repeat("x", 17_000)),
    one("a text of 18,000 bytes, not ASCII", repeat("\u20ac", 6000)),
    one("a nested text of 6,000 bytes", [repeat("\u00e9", 3000)]),
  ],
  bytes: [
    one("no bytes", bytes("")),
    one("one byte", bytes("00")),
    one("every byte", bytes(Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0")).join(""))),
    one("zeros", bytes("00".repeat(100))),
    one("like a part", bytes("3466007465737400")),
    one("17,000 bytes", bytes("a5".repeat(17_000))),
    { name: "bytes between other arguments", values: ["a", bytes("00ff"), 1, bytes(""), null] },
  ],
  containers: [
    one("an empty array", []),
    one("an empty object", {}),
    one("an array of everything", [U, null, true, false, 1, bigint("1"), "x", [], {}]),
    one("an object of everything", { a: [], f: false, i: bigint("1"), l: null, n: 1, o: {}, s: "x", t: true, u: U }),
    one(
      "NaN and its kind, nested",
      [number("NaN"), number("Infinity"), number("-Infinity"), number("-0")],
      [number("NaN"), number("Infinity"), number("-Infinity"), 0],
    ),
    one("an array with holes", { $: "holes", length: 4, at: { "1": "x" } }, [U, "x", U, U]),
    one("an array of holes only", { $: "holes", length: 3, at: {} }, [U, U, U]),
    one("a nested array with holes", { a: { $: "holes", length: 2, at: { "1": 1 } } }, { a: [U, 1] }),
    one("undefined in an object", { a: U, b: { c: U } }),
    one("arrays in arrays", [[[[["deep"]]]]]),
    one("objects in objects", { a: { b: { c: { d: "deep" } } } }),
    one("256 arrays inside one another", nest(255, [])),
    one("200 arrays around an object", nest(200, { a: 1 })),
    one("keys that are sorted", { a: 1, b: 2, c: 3 }),
    one("keys that are not sorted", { c: 3, a: 1, b: 2 }, { a: 1, b: 2, c: 3 }),
    one("keys in upper and lower case", { b: 1, B: 2, a: 3, A: 4, _: 5 }, { A: 4, B: 2, _: 5, a: 3, b: 1 }),
    one("integer keys", { "10": 1, "9": 2, "1": 3, "0": 4 }),
    one("integer keys among others", { b: 1, "10": 2, a: 3, "2": 4 }, { "2": 4, "10": 2, a: 3, b: 1 }),
    one(
      "the last integer key and the first that is none",
      { "4294967296": 1, "4294967295": 2, "4294967294": 3, "4294967293": 4, "42949672940": 5 },
      { "4294967293": 4, "4294967294": 3, "42949672940": 5, "4294967295": 2, "4294967296": 1 },
    ),
    one(
      "keys like integers",
      { "01": 1, "-1": 2, "1.5": 3, "1e3": 4, " 1": 5, "1": 6 },
      {
        "1": 6,
        " 1": 5,
        "-1": 2,
        "01": 1,
        "1.5": 3,
        "1e3": 4,
      },
    ),
    one(
      "keys sorted by code units",
      { "\u{1f600}": 1, "\uffff": 2, "\u00e9": 3, z: 4 },
      {
        z: 4,
        "\u00e9": 3,
        "\u{1f600}": 1,
        "\uffff": 2,
      },
    ),
    one("an empty key", { "": 1 }),
    one(
      "twenty keys",
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${(i * 7) % 20}`, i])),
      Object.fromEntries(
        Array.from({ length: 20 }, (_, i): [string, number] => [`k${(i * 7) % 20}`, i]).sort(([a], [b]) =>
          a < b ? -1 : 1,
        ),
      ),
    ),
    one(
      "twenty keys, integers among them",
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i % 4 === 0 ? `${i}` : `k${(i * 7) % 20}`, i])),
      Object.fromEntries(
        Array.from({ length: 20 }, (_, i): [string, number] => [i % 4 === 0 ? `${i}` : `k${(i * 7) % 20}`, i]).sort(
          ([a], [b]) => (a < b ? -1 : 1),
        ),
      ),
    ),
    one(
      "nested keys, which are not sorted",
      { b: { d: 1, c: 2 }, a: [{ f: 1, e: 2 }] },
      {
        a: [{ f: 1, e: 2 }],
        b: { d: 1, c: 2 },
      },
    ),
    one("keys of an object in an array, which are not sorted", [{ b: 1, a: 2 }]),
    unsorted("keys that are not to be sorted", { c: 1, a: 2, b: 3 }),
    unsorted("keys that are not to be sorted, integers among them", { c: 1, "2": 2, b: 3, "1": 4 }),
    unsorted("an instance whose keys are not to be sorted", point({ y: 2, x: 1 }), { y: 2, x: 1 }),
    unsorted("an argument with toJSON, keys not to be sorted", json({ b: 1, a: 2 }), { b: 1, a: 2 }),
    unsorted(
      "a date as an argument, keys not to be sorted",
      date("2020-01-02T03:04:05.678Z"),
      "2020-01-02T03:04:05.678Z",
    ),
    one(
      "names of what every object inherits",
      { constructor: 1, toString: 2, valueOf: 3, hasOwnProperty: 4 },
      {
        constructor: 1,
        hasOwnProperty: 4,
        toString: 2,
        valueOf: 3,
      },
    ),
    one("a key named prototype", { prototype: { a: 1 } }),
    // biome-ignore lint/suspicious/noThenProperty: as data it must not be taken for a promise.
    one("a key named then", { then: 1 }),
    one("a key named toJSON that is data", { toJSON: 1 }),
    one("an object without a prototype", { $: "bare", own: { b: 1, a: 2 } }, { a: 2, b: 1 }),
    one("a nested object without a prototype", [{ $: "bare", own: { b: 1 } }], [{ b: 1 }]),
    one(
      "a thousand numbers",
      Array.from({ length: 1000 }, (_, i) => i),
    ),
  ],
  instances: [
    one("a nested date", [date("2020-01-02T03:04:05.678Z")], ["2020-01-02T03:04:05.678Z"]),
    one("a date in an object", { at: date("1969-12-31T23:59:59.999Z") }, { at: "1969-12-31T23:59:59.999Z" }),
    one("an invalid date", [date("never")], [null]),
    one("an instance", point({ y: 2, x: 1 }), { x: 1, y: 2 }),
    one("an instance without properties", point({}), {}),
    one("a nested instance", { p: point({ y: 2, x: 1 }) }, { p: { y: 2, x: 1 } }),
    one("an instance with a date", point({ at: date("2020-01-01T00:00:00.000Z") }), { at: "2020-01-01T00:00:00.000Z" }),
    one("toJSON that gives a string", [json("x")], ["x"]),
    one("toJSON that gives a number", [json(1)], [1]),
    one("toJSON that gives null", [json(null)], [null]),
    one("toJSON that gives undefined", [json(U)], [U]),
    one("toJSON that gives a bigint", { a: json(bigint("5")) }, { a: bigint("5") }),
    one("toJSON that gives an array", [json([1, [2]])], [[1, [2]]]),
    one("toJSON that gives an object", { a: json({ z: 1, y: { x: U } }) }, { a: { z: 1, y: { x: U } } }),
    one("toJSON that gives an instance", [json(point({ y: 1, x: 2 }))], [{ y: 1, x: 2 }]),
    one("toJSON whose result holds another", [json([json("inner")])], [["inner"]]),
    one("toJSON that gives another, which is not asked", [json(json("inner"))], [{}]),
  ],
  custom: [
    custom("a custom value as an argument", money("5 EUR")),
    custom("a custom value, nested", [money("5 EUR")]),
    custom(
      "custom values in an object",
      { b: money("1"), a: { c: money("2") } },
      { a: { c: money("2") }, b: money("1") },
    ),
    custom("an empty custom text", [money("")]),
    custom("a custom text with colons", [money("a:b:c")]),
    custom("a custom text with quotes, nested", [money('"5" \\ EUR')]),
    custom("a custom text, not ASCII", [money("5 \u20ac \u{1f600}")]),
    custom("a custom text with control characters, nested", [money("\n\0")]),
    custom("a custom value with toJSON, as an argument", tag("a")),
    custom("a custom value with toJSON, nested", { a: [tag("a")] }),
    custom("a custom value with toJSON inside an instance", point({ a: tag("a") }), { a: "never a" }),
    custom("a custom value without toJSON inside an instance", point({ a: money("1") }), { a: money("1") }),
    custom("a custom value with toJSON inside a nested instance", [point({ a: [tag("a")] })], [{ a: ["never a"] }]),
    custom("a custom value with toJSON in the result of a toJSON", [json([tag("a")])], [["never a"]]),
    custom("a custom value without toJSON in the result of a toJSON", [json([money("1")])], [[money("1")]]),
    custom("a custom value as the result of a toJSON", [json(money("1"))], [money("1")]),
    custom("a custom value with toJSON as the result of a toJSON", [json(tag("1"))], [tag("1")]),
    custom(
      "values that are not custom, beside",
      [1, "x", null, U, true, { a: point({ b: 1 }) }],
      [1, "x", null, U, true, { a: { b: 1 } }],
    ),
    custom("holes beside a custom value", [{ $: "holes", length: 2, at: { "1": money("1") } }], [[U, money("1")]]),
    custom(
      "a date beside a custom value",
      [date("2020-01-01T00:00:00.000Z"), money("1")],
      ["2020-01-01T00:00:00.000Z", money("1")],
    ),
    { ...custom("custom values, keys not sorted", { b: money("1"), a: tag("2") }), sortProps: false },
  ],
  messages: [
    { name: "auth", values: ["ezez-ws::auth", "key", 1] },
    { name: "auth with an empty key", values: ["ezez-ws::auth", "", 1] },
    { name: "auth with a key that is not ASCII", values: ["ezez-ws::auth", "cl\u00e9 \u{1f511}", 1] },
    { name: "auth with capabilities", values: ["ezez-ws::auth", "key", 1, { caps: ["x"] }] },
    { name: "auth-ok", values: ["ezez-ws::auth-ok"] },
    { name: "auth-ok with capabilities", values: ["ezez-ws::auth-ok", { caps: ["x"] }] },
    ...[
      "Invalid auth key",
      "Auth verification failed",
      "Auth timeout",
      "Protocol version mismatch, wanted 1, got 2",
    ].map((reason) => ({ name: `auth-rejected, ${reason}`, values: ["ezez-ws::auth-rejected", reason] })),
    { name: "a message without arguments", values: ["ping", 1, null] },
    { name: "a message with a text", values: ["ping", 7, null, "hello"] },
    { name: "a message with many arguments", values: ["m", 2, null, "a", 1, null, U, bytes("00"), { b: 1 }, [true]] },
    { name: "a request", values: ["question", 2_147_483_647, null, { id: 1 }] },
    { name: "its reply", values: ["answer", 12, 2_147_483_647, { ok: true }] },
    { name: "a reply with no arguments", values: ["pong", 12, 7] },
    { name: "a broadcast", values: ["news", 2 ** 48, null, "text"] },
    { name: "the greatest ids", values: ["e", 2 ** 53 - 1, 2 ** 53 - 1] },
    { name: "a name that is not ASCII", values: ["\u017c\u00f3\u0142w \u{1f422}", 1, null] },
    { name: "a name of 256 bytes", values: [repeat("n", 256), 1, null] },
    { name: "a name like a number", values: ["5", 1, null] },
    { name: "the name *", values: ["*", 1, null] },
    { name: "1,024 parts", values: ["e", 1, null, ...Array.from({ length: 1021 }, () => "")] },
  ],
};

/** The text of each file, by its name. */
export const makeVectors = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files).map(([file, cases]) => [
      `${file}.json`,
      `[\n${cases.map((vector) => JSON.stringify(make(vector))).join(",\n")}\n]\n`,
    ]),
  );

const make = (vector: Case): Vector => {
  const options = optionsOf(vector);
  const encoded = referenceEncode(vector.values.map(parse), options);
  const decoded = (vector.decoded ?? vector.values).map(parse);
  if (!same(referenceDecode(encoded, options), decoded)) {
    throw new Error(`the reference decodes to something else: ${vector.name}`);
  }
  return { ...vector, hex: hex(encoded) };
};

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [file, text] of Object.entries(makeVectors())) writeFileSync(new URL(file, import.meta.url), text);
}
