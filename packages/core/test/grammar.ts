import fc from "fast-check";
import { token } from "./hostile-bytes.js";

// Messages by the grammar of the wire: their framing is right, and each production is now and then one that is not.

const pieces = (from: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(from, { maxLength }).map((some) => some.join(""));

const character = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "z", " ", "0", ":", "/", "\u00e9", "\u20ac", "\u{1f600}", "\ufeff") },
  {
    weight: 3,
    arbitrary: fc.constantFrom("\\n", "\\\\", '\\"', "\\/", "\\u0000", "\\u00E9", "\\ud83d\\ude00", "\\ud800"),
  },
  { weight: 1, arbitrary: fc.constantFrom("\\x", "\\u12", "\\", "\n", "\0", "\u007f", '"') },
);
const digits = pieces(fc.constantFrom("0", "1", "9", "00", "123456789"), 4);
const number = fc.oneof(
  fc.double().map(String),
  fc.integer().map(String),
  fc
    .tuple(
      fc.constantFrom("", "-", "+"),
      digits,
      fc.constantFrom("", ".", ".5", ".50"),
      fc.constantFrom("", "e9", "E-9"),
    )
    .map((some) => some.join("")),
  fc.constantFrom("NaN", "Infinity", "-Infinity", "-NaN", "-0", "", "0x10", "1e400", "9007199254740993"),
);
const scalar = fc.oneof(
  { weight: 4, arbitrary: pieces(character, 12).map((text) => `"s:${text}"`) },
  { weight: 3, arbitrary: number.map((text) => `"n:${text}"`) },
  { weight: 2, arbitrary: digits.map((text) => `"i:${text}"`) },
  { weight: 2, arbitrary: fc.constantFrom('"b:1"', '"b:"', '"u:"', '"l:"', '"b:0"', '"u:x"') },
  { weight: 2, arbitrary: pieces(character, 4).map((text) => `"money:${text}"`) },
  { weight: 1, arbitrary: fc.constantFrom('"tag:"', '"fails:x"', '"x:"', '"toString:x"', '""', '"', "null", "1", "") },
);
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "b", "c", "0", "1", "then", "toJSON", "constructor", "length") },
  { weight: 2, arbitrary: pieces(character, 4) },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "\\u005f_proto__") },
);
const closing = (right: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 60, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom("", "]", "}", ",") });

const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    { weight: 4, arbitrary: scalar },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.array(tie("value"), { maxLength: 5 }), closing("]"))
        .map(([values, end]) => `[${values.join(",")}${end}`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.array(fc.tuple(key, tie("value")), { maxLength: 5 }), closing("}"))
        .map(([entries, end]) => `{${entries.map(([name, of]) => `"${name}":${of}`).join(",")}${end}`),
    },
  ),
}));

interface Part {
  readonly mark: string;
  readonly content: string | Uint8Array;
}

const framed = ({ mark, content }: Part, lengthOff = 0): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`${bytes.length + lengthOff}${mark}\0`), bytes, Buffer.from([0])]);
};

const json = (content: fc.Arbitrary<string>): fc.Arbitrary<Part> => content.map((of) => ({ mark: "j", content: of }));
const text = (content: fc.Arbitrary<string>): fc.Arbitrary<Part> => content.map((of) => ({ mark: "f", content: of }));

const name = fc.oneof(
  { weight: 8, arbitrary: text(fc.constantFrom("a", "*", "__proto__", "\u017c", "n".repeat(256))) },
  { weight: 2, arbitrary: text(fc.constantFrom("ezez-ws::auth", "ezez-ws::auth-ok", "ezez-ws::", "ezez-ws::x")) },
  { weight: 1, arbitrary: fc.oneof(text(fc.constantFrom("", "n".repeat(257))), json(scalar)) },
);
const id = fc.oneof(
  { weight: 12, arbitrary: json(fc.constantFrom('"n:1"', '"n:7"', '"n:9007199254740991"')) },
  { weight: 1, arbitrary: json(scalar) },
);
const replyTo = fc.oneof({ weight: 8, arbitrary: json(fc.constant('"l:"')) }, { weight: 2, arbitrary: id });
const argument = fc.oneof(
  { weight: 5, arbitrary: json(value) },
  { weight: 2, arbitrary: text(fc.string()) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((content) => ({ mark: "f", content })) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }).map((content) => ({ mark: "t", content })) },
  { weight: 1, arbitrary: fc.record({ mark: fc.constantFrom("x", "F", ""), content: fc.string() }) },
);

/** Messages whose envelope and arguments are right more often than not. */
export const grammatical: fc.Arbitrary<Uint8Array> = fc
  .record({
    parts: fc.tuple(name, id, replyTo, fc.array(argument, { maxLength: 4 })),
    lengthOff: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
  })
  .map(({ parts: [of, eventId, answers, rest], lengthOff }) => {
    const parts = [of, eventId, answers, ...rest];
    return Buffer.concat(parts.map((part, i) => framed(part, i === parts.length - 1 ? lengthOff : 0)));
  });

const ENVELOPE = Buffer.from('1f\0a\x005j\0"n:1"\x004j\0"l:"\0');
const LARGEST = 1024 * 1024;

// Numbered where it asks for it, so that hidden classes and sets of keys grow too.
const filled = (unit: string, size: number): string => {
  let text = "";
  for (let i = 0; text.length + unit.length < size; i++) text += unit.replaceAll("#", String(i));
  return text;
};

const unit = fc.oneof(
  fc.constantFrom(
    ...["[", '{"a":', "[]", "[],", "{},", '"n:1",', '"n:0.1",', '"u:",', '"b:1",', '"s:",', '"i:9",', '"money:",'],
    ...['{"k#":"u:"},', '{"k#":{"l#":[]}},', '"k#":"n:#",', '"k#":[],', "[[", "9", "\\", '\\"', "\\u0041", "\\ud800"],
    ...["\u00e9", "\u{1f600}", "a", '"', "0t\0\0", "0f\0\0", '4j\0"u:"\0', "0", "1"],
  ),
  pieces(token, 3),
);

/** One thing again and again, up to the payload limit. */
export const amplified: fc.Arbitrary<Uint8Array> = fc
  .record({
    open: fc.constantFrom("", "", "[", "{", '"', '"s:', '"i:', '"n:', '"money:', '["s:'),
    repeated: unit.filter((text) => text !== ""),
    size: fc.oneof(fc.integer({ min: 1000, max: 100_000 }), fc.integer({ min: 100_000, max: LARGEST })),
    close: fc.constantFrom("", '"', "]", "}", '"]', '"n:1"]', '"z":"n:1"}', "[]]"),
    into: fc.constantFrom("j", "j", "j", "f", "t", "parts"),
  })
  .map(({ open, repeated, size, close, into }) => {
    const text = filled(repeated, size);
    const message = into === "parts" ? Buffer.from(text) : framed({ mark: into, content: `${open}${text}${close}` });
    return Buffer.concat([ENVELOPE, message]).subarray(0, LARGEST);
  });
