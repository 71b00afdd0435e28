// Faults of the reference's typed JSON, each with what is right.
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { CodecOptions } from "../src/codec/options.js";
import { FrameCodec } from "../src/frame.js";
import { decode, encode, errorOf, expectMalformed, expectNotSerializable, part, typed, value } from "./codec.js";
import { referenceDecode, referenceEncode } from "./reference.js";
import { hex } from "./same.js";
import { Json, Money, Point } from "./vectors/notation.js";

const reading = (deserializers: Record<string, (text: string) => unknown>): CodecOptions => ({
  unserializerArgs: [deserializers],
});
const writing = (serializers: Record<string, (value: unknown) => string | null>): CodecOptions => ({
  serializerArgs: [serializers],
});

describe("__proto__", () => {
  it.each([
    '{"n":{"__proto__":{"isAdmin":"b:1"}},"u":"u:"}',
    '{"n":{"__proto__":{"isAdmin":"b:1"}}}',
    '{"__proto__":"l:","u":"u:"}',
    '{"__proto__":"l:"}',
    '{"__proto__":{}}',
    '[[{"a":[{"__proto__":{}}]}]]',
    '{"\\u005f_proto__":{}}',
    '{"__proto\\u005f_":{}}',
  ])("as a key of %s is refused", (json) => {
    expectMalformed(() => value(json));
  });

  it("as a text is a text", () => {
    expect(value('["s:__proto__"]')).toEqual(["__proto__"]);
  });

  it("as an own key cannot be sent, and the error says where", () => {
    const own = JSON.parse('{"__proto__":{"isAdmin":true}}') as object;
    expectNotSerializable(own, "args[0].__proto__: a key named __proto__ cannot be sent");
    expectNotSerializable({ a: [own] }, /^args\[0\]\.a\[0\]\.__proto__: /);
    expectNotSerializable(own, /__proto__/, writing({ X: () => null }));
    expectNotSerializable(own, /__proto__/, { serializerArgs: [null, { sortProps: false }] });
  });
});

describe("names that every object has", () => {
  it.each([
    "constructor",
    "prototype",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "__defineGetter__",
    "__lookupSetter__",
  ])("%s as a key is a property like any other, at every depth, with and without undefined", (name) => {
    for (const more of ["", ',"u":"u:"']) {
      const object = value(`{"${name}":"n:1","in":[{"${name}":{"${name}":"s:x"}}]${more}}`) as Record<string, unknown>;
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
      expect(Object.getOwnPropertyDescriptor(object, name)?.value).toBe(1);
      const [inner] = object.in as [Record<string, unknown>];
      expect(Object.getPrototypeOf(inner)).toBe(Object.prototype);
      expect(Object.getPrototypeOf(inner[name])).toBe(Object.prototype);
    }
    expect(Reflect.get({}, "x")).toBeUndefined();
  });

  it.each([
    "toString:x",
    "constructor:x",
    "valueOf:x",
    "__proto__:x",
    "__defineGetter__:x",
    "hasOwnProperty:x",
    ":x",
    "x",
    "Xx",
    "",
  ])("%j as a scalar is of no type, with and without custom deserializers", (text) => {
    expectMalformed(() => value(JSON.stringify(text)));
    expectMalformed(() => value(JSON.stringify(text), reading({ X: (own) => own })));
    expectMalformed(() => value(JSON.stringify([text]), reading({ X: (own) => own })));
  });
});

describe("keys of custom serializers", () => {
  it.each(["", ":", "a:b", "s", "n", "i", "u", "b", "l"])("%j is refused, naming the option", (key) => {
    for (const option of ["serializerArgs", "unserializerArgs"] as const) {
      const error = errorOf(() => new FrameCodec({ [option]: [{ [key]: () => null }] }));
      expect(error.code).toBe("INVALID_OPTION");
      expect(error.message).toContain(`${option}: ${JSON.stringify(key)} must be a key without ':'`);
    }
  });

  it("that need an escape in JSON work", () => {
    const options = {
      ...writing({ '"k"\n': (own) => (own instanceof Money ? own.text : null) }),
      ...reading({ '"k"\n': (own) => own }),
    };
    expect(decode(encode([new Money("1"), [new Money('"')]], options), options)).toEqual(["1", ['"']]);
  });
});

describe("what counts as a plain object", () => {
  const custom = writing({ X: (own) => (own instanceof Point ? "point" : null) });

  it("an own key named constructor does not make an instance one", () => {
    expect(typed(Object.assign(new Point({}), { constructor: 1 }), custom)).toBe('"X:point"');
  });

  it("one of another realm is, and is read as one", () => {
    const foreign: unknown = runInNewContext("({ b: undefined, a: [1, { c: null }] })");
    expect(typed(foreign)).toBe('{"a":["n:1",{"c":"l:"}],"b":"u:"}');
    for (const options of [custom, writing({ X: () => "any" })]) {
      expect(typed([foreign], options)).toBe('[{"b":"u:","a":["n:1",{"c":"l:"}]}]');
    }
  });

  it("one that calls itself something else by its tag is", () => {
    for (const tag of ["ArrayBuffer", "Map", "Promise"]) {
      expect(typed({ a: 1, [Symbol.toStringTag]: tag })).toBe('{"a":"n:1"}');
      expect(typed([{ a: 1, [Symbol.toStringTag]: tag }])).toBe('[{"a":"n:1"}]');
    }
  });
});

describe("numbers", () => {
  it("-0 is written as 0, and read where it comes", () => {
    expect(typed(-0)).toBe('"n:0"');
    expect(value('"n:-0"')).toBe(-0);
    expect(value('"n:-0.0"')).toBe(-0);
  });

  it.each([Number.NaN, Infinity, -Infinity])("%d is itself again", (number) => {
    expect(value(typed(number))).toBe(number);
    expect(value(typed([number]))).toEqual([number]);
  });

  it.each([
    "0",
    "5",
    "-5",
    "10",
    "999999999999999",
    "9999999999999999",
    "0.5",
    "-0.5",
    "1e21",
    "1E5",
    "1e-7",
    "1.5e+300",
  ])("n:%s is a number", (text) => {
    expect(value(`"n:${text}"`)).toBe(Number(text));
    expect(value(`["n:${text}"]`)).toEqual([Number(text)]);
  });

  it.each([
    "",
    " ",
    " 5",
    "5 ",
    "\\t5",
    "0x10",
    "0b1",
    "0o7",
    "abc",
    "05",
    "00",
    "0123456789012345",
    "-",
    "+5",
    "--5",
    "5.",
    ".5",
    "5e",
    "5e+",
    "1_000",
    "5n",
    "Infinite",
    "infinity",
    "+Infinity",
    "nan",
    "-NaN",
    "\u0665",
    "5\\u0000",
    "1,5",
  ])("n:%s is none", (text) => {
    expectMalformed(() => value(`"n:${text}"`));
  });

  it("nothing is read past the end of the part", () => {
    expectMalformed(() => decode(new Uint8Array(Buffer.from('4j\0"n:1\0'))));
    expectMalformed(() => decode(new Uint8Array(Buffer.from('4j\0"n:1"'))));
    expectMalformed(() => decode(new Uint8Array(Buffer.from('4j\0"n:\0"'))));
  });
});

describe("bigints", () => {
  it.each(["0", "-0", "5", "-5", "9007199254740993"])("i:%s is one", (text) => {
    expect(value(`"i:${text}"`)).toBe(BigInt(text));
  });

  it.each(["", " 5", "5 ", "0x10", "05", "00", "-", "+5", "--5", "5.0", "1e3", "5n", "abc", "1_0", "\u0665"])(
    "i:%s is none",
    (text) => {
      expectMalformed(() => value(`"i:${text}"`));
    },
  );

  it("of 10,000 digits pass, in both directions; of one more neither", () => {
    for (const sign of ["", "-"]) {
      const most = BigInt(`${sign}${"9".repeat(10_000)}`);
      expect(value(typed(most))).toBe(most);
      expectMalformed(() => value(`"i:${sign}${"9".repeat(10_001)}"`));
      expectNotSerializable([{ a: most * 10n }], /^args\[0\]\[0\]\.a: .*digits/);
    }
  });

  it("have the limit of the option", () => {
    expect(value('"i:-999"', { maxBigIntLength: 3 })).toBe(-999n);
    expectMalformed(() => value('"i:1000"', { maxBigIntLength: 3 }));
    expectMalformed(() => value('"i:-1000"', { maxBigIntLength: 3 }));
    expect(typed(-999n, { maxBigIntLength: 3 })).toBe('"i:-999"');
    expect(value('"i:\\u0039\\u0039"', { maxBigIntLength: 3 })).toBe(99n);
    expectNotSerializable(1000n, /digits/, { maxBigIntLength: 3 });
    const many = "7".repeat(20_000);
    expect(value(`"i:${many}"`, { maxBigIntLength: Infinity })).toBe(BigInt(many));
  });
});

describe("the other scalars", () => {
  it.each(["b:0", "b:true", "b:xyz", "b:11", "b:1 ", "b: ", "u:x", "u: ", "l:x", "l:null", "B:1", "b", "u", "x"])(
    "%j is none",
    (text) => {
      expectMalformed(() => value(JSON.stringify(text)));
      expectMalformed(() => value(JSON.stringify([text])));
    },
  );

  it.each(["1", "-1", "true", "false", "null", "[1]", "[null]", '{"a":1}', '{"a":true}', "undefined", "NaN"])(
    "raw JSON %s is refused: the reference does not write it",
    (json) => {
      expectMalformed(() => value(json));
    },
  );

  it("an escaped prefix is none: the reference does not write it", () => {
    expectMalformed(() => value('"\\u0073:x"'));
    expectMalformed(() => value('"s\\u003ax"'));
  });
});

describe("JSON's grammar", () => {
  it.each([
    "",
    " ",
    '"',
    '"s:',
    '"s:x',
    '"s:\\"',
    '"s:\\',
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '["u:"',
    '["u:",',
    '["u:",]',
    '[,"u:"]',
    '["u:" "u:"]',
    '["u:"}',
    '{"a":"u:"',
    '{"a":"u:",',
    '{"a":"u:",}',
    '{"a"}',
    '{"a":}',
    '{"a" "u:"}',
    '{:"u:"}',
    '{a:"u:"}',
    '{"a":"u:"]',
    "{1:1}",
    "[]]",
    "[][]",
    '"u:""u:"',
    '"s:x"y',
    "'s:x'",
    "[//\n]",
    "/**/[]",
    '"s:\n"',
    '"s:\u0000"',
    '"s:\u001f"',
    '"s:\\x"',
    '"s:\\u12"',
    '"s:\\u12g4"',
    '"s:\\\n"',
    '{"\n":"u:"}',
    '{"\\q":"u:"}',
  ])("%j is refused", (json) => {
    expectMalformed(() => value(json));
  });

  it.each([' "u:"', '"u:" ', "[ ]", '["u:", "u:"]', '{"a": "u:"}', '{ "a":"u:"}', '{"a":"u:"\n}', '\t"u:"', "{\r\n}"])(
    "white space as in %j is refused: the reference does not write it",
    (json) => {
      expectMalformed(() => value(json));
    },
  );

  it("a BOM before it is refused", () => {
    expectMalformed(() => value('\ufeff"u:"'));
  });

  it.each([
    '{"a":"u:","a":"u:"}',
    '{"a":"u:","b":"u:","a":"u:"}',
    '{"":"u:","":"u:"}',
    '{"1":"u:","1":"u:"}',
    '{"a":"u:","\\u0061":"u:"}',
    '[{"toString":"u:","toString":"u:"}]',
  ])("a key twice as in %s is refused", (json) => {
    expectMalformed(() => value(json));
  });

  it.each([3, 500, 999, 1000, 1001, 1002, 3000])("a key twice among %i is refused, wherever it is", (count) => {
    const keys = Array.from({ length: count }, (_, i) => `"k${i}":"n:${i}"`);
    expect(Object.keys(value(`{${keys}}`) as object)).toHaveLength(count);
    for (const first of [0, Math.floor(count / 2), count - 2]) {
      for (const second of [first + 1, Math.floor((first + count) / 2), count - 1]) {
        if (second > first) expectMalformed(() => value(`{${keys.with(second, keys[first] ?? "")}}`));
      }
    }
  });

  it("every escape is read", () => {
    expect(value('"s:\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00"')).toBe('"\\/\b\f\n\r\tA\u{1f600}');
    expect(value('{"\\"\\u0041":"u:"}')).toEqual({ '"A': undefined });
  });

  it("lone surrogates inside stay what they are", () => {
    for (const text of ["\ud800", "a\udc00b", "\udc00\ud800"]) expect(value(typed([text]))).toEqual([text]);
  });
});

describe("depth", () => {
  const arrays = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number): string => `${'{"a":'.repeat(depth)}"u:"${"}".repeat(depth)}`;

  it("256 is read and written", () => {
    for (const json of [arrays(256), objects(256)]) expect(typed(value(json))).toBe(json);
  });

  it.each([257, 5000, 500_000])("%i is refused, with an error of ours", (depth) => {
    for (const json of [
      arrays(depth),
      objects(depth),
      "[".repeat(depth),
      '{"a":'.repeat(depth),
      '[{"a":'.repeat(depth),
    ]) {
      expectMalformed(() => value(json));
    }
  });

  it("what lies deeper is not read", () => {
    let read = 0;
    const options = reading({ X: () => ++read });
    expectMalformed(() => value(`${"[".repeat(257)}"X:"${"]".repeat(257)}`, options));
    expect(read).toBe(0);
    expect(value(`${"[".repeat(256)}"X:"${"]".repeat(256)}`, options)).toBeTruthy();
    expect(read).toBe(1);
  });

  it("counts containers inside one another only", () => {
    const wide = `[${Array.from({ length: 300 }, () => arrays(255)).join(",")}]`;
    expect(value(wide)).toHaveLength(300);
  });

  it("the encoder refuses more, with the path", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 257; i++) deep = [deep];
    expectNotSerializable(deep, /^args\[0\](\[0\]){256}: deeper than 256 levels$/);
    let endless: unknown = {};
    for (let i = 0; i < 100_000; i++) endless = { a: endless };
    expectNotSerializable(endless, /deeper than 256 levels$/);
  });
});

describe("the number of values", () => {
  const many = (count: number, element: string): string =>
    `[${Array.from({ length: count }, () => element).join(",")}]`;

  it("100,000, the containers among them, are read and written", () => {
    const json = many(99_999, '"u:"');
    expect(typed(value(json))).toBe(json);
    expect(value(many(49_999, '{"a":"u:"}'))).toHaveLength(49_999);
  });

  it.each(['"u:"', "[]", "{}"])("one more of %s is refused, in one argument and in two", (element) => {
    expectMalformed(() => value(many(100_000, element)));
    expectMalformed(() => decode(Buffer.concat([part("j", many(50_000, element)), part("j", many(49_999, element))])));
    expect(decode(Buffer.concat([part("j", many(50_000, element)), part("j", many(49_998, element))]))).toHaveLength(2);
  });

  it("arguments that are scalars do not count", () => {
    const json = many(99_999, '"u:"');
    expect(decode(Buffer.concat([part("j", '"n:1"'), part("j", json), part("j", '"u:"')]))).toHaveLength(3);
    expect(encode([1, null, new Array(99_999).fill(undefined), undefined])).toBeTruthy();
  });

  it("the encoder refuses one more, in one argument and in two, and a sparse array of 2^32 - 1", () => {
    expectNotSerializable(new Array(100_000).fill(1), /^args\[0\]\[99999\]: more than 100000 values$/);
    expect(errorOf(() => encode([new Array(50_000).fill(1), new Array(49_999).fill(1)])).message).toMatch(/^args\[1\]/);
    expectNotSerializable({ a: new Array(2 ** 32 - 1) }, /more than 100000 values$/);
  });

  it("a value that would be read past the limit is not", () => {
    let read = 0;
    expectMalformed(() => value(many(150_000, '"X:"'), reading({ X: () => ++read })));
    expect(read).toBe(99_999);
  });
});

describe("many objects of many keys", () => {
  it("are objects like any other", () => {
    const objects = Array.from({ length: 2000 }, (_, i) => ({ [`a${i}`]: i, [`b${i}`]: [{}], [`${i}`]: { c: i } }));
    const read = value(typed(objects)) as Record<string, unknown>[];
    expect(read).toEqual(objects);
    read.forEach((object, i) => {
      const [empty] = object[`b${i}`] as object[];
      for (const one of [object, object[i], empty]) expect(Object.getPrototypeOf(one)).toBe(Object.prototype);
    });
  });

  it("refuse a key twice and __proto__ too", () => {
    const objects = Array.from({ length: 2000 }, (_, i) => `{"a${i}":"u:","b${i}":"u:"}`).join(",");
    expectMalformed(() => value(`[${objects},{"x":"u:","x":"u:"}]`));
    expectMalformed(() => value(`[${objects},{"__proto__":"u:"}]`));
  });
});

describe("arrays and undefined", () => {
  it("holes become undefined, nested undefined stays", () => {
    // biome-ignore lint/suspicious/noSparseArray: what is tested
    expect(typed([, 1, ,])).toBe('["u:","n:1","u:"]');
    expect(value(typed({ a: { b: undefined }, c: [undefined] }))).toEqual({ a: { b: undefined }, c: [undefined] });
    expect(Object.keys(value('["u:"]') as object)).toEqual(["0"]);
  });
});

describe("key order", () => {
  it("only the keys of an argument are sorted, integers first", () => {
    expect(typed({ b: { d: 1, c: 1 }, a: [{ f: 1, e: 1 }], "10": 1, "9": 1 })).toBe(
      '{"9":"n:1","10":"n:1","a":[{"f":"n:1","e":"n:1"}],"b":{"d":"n:1","c":"n:1"}}',
    );
    expect(typed({ b: 1, a: 1 }, { serializerArgs: [null, { sortProps: false }] })).toBe('{"b":"n:1","a":"n:1"}');
  });

  it.each([1, 8, 20])("twenty names are sorted behind %i integers", (integers) => {
    const object: Record<string, number> = {};
    for (let i = 0; i < 20; i++) object[`k${(i * 7) % 20}`] = i;
    for (let i = integers; i > 0; i--) object[i * 3] = i;
    expect(hex(encode([object]))).toBe(hex(referenceEncode([object])));
  });
});

describe("what the reference loses in silence", () => {
  it("a date as an argument is its ISO string, as when nested", () => {
    const date = new Date(0);
    expect(typed(date)).toBe('"s:1970-01-01T00:00:00.000Z"');
    expect(typed([date])).toBe('["s:1970-01-01T00:00:00.000Z"]');
    expect(hex(referenceEncode([date]))).toBe(Buffer.from("2j\0{}\0").toString("hex"));
  });

  it("toJSON of an argument is asked, with an empty key; nested with its own", () => {
    const keys: unknown[] = [];
    const asked = { toJSON: (key: unknown) => keys.push(key) };
    encode([asked, [asked], { a: asked }]);
    expect(keys).toEqual(["", "0", "a"]);
    expect(typed(new Json({ b: 1, a: 2 }))).toBe('{"b":"n:1","a":"n:2"}');
  });

  it.each<[string, unknown]>([
    ["Map", new Map([[1, 2]])],
    ["Set", new Set([1])],
    ["WeakMap", new WeakMap()],
    ["WeakSet", new WeakSet()],
    ["WeakRef", new WeakRef({})],
    ["RegExp", /x/],
    ["Error", new TypeError("x")],
    ["Number", Object(1)],
    ["String", Object("x")],
    ["Boolean", Object(true)],
    ["BigInt", Object(1n)],
    ["Symbol", Object(Symbol("x"))],
    ["Promise", Promise.resolve()],
    ["SharedArrayBuffer", new SharedArrayBuffer(1)],
  ])("a %s cannot be sent, as an argument, nested, in an instance or as the result of a toJSON", (name, opaque) => {
    expectNotSerializable(opaque, `args[0]: a ${name} cannot be sent`);
    expectNotSerializable([opaque], `args[0][0]: a ${name} cannot be sent`);
    expectNotSerializable({ a: new Point({ b: opaque }) }, `args[0].a.b: a ${name} cannot be sent`);
    expectNotSerializable({ a: new Json(opaque) }, `args[0].a: a ${name} cannot be sent`);
  });

  it("with a custom serializer it can", () => {
    const options = writing({ map: (own) => (own instanceof Map ? JSON.stringify([...own]) : null) });
    expect(typed(new Map([[1, 2]]), options)).toBe('"map:[[1,2]]"');
    expect(typed([new Map()], options)).toBe('["map:[]"]');
    expect(typed(new Json(new Map()), options)).toBe('"map:[]"');
  });

  it.each<[string, unknown]>([
    ["a Buffer", Buffer.from([1])],
    ["a Uint8Array", new Uint8Array(1)],
    ["a DataView", new DataView(new ArrayBuffer(1))],
    ["an ArrayBuffer", new ArrayBuffer(1)],
  ])("%s inside an argument cannot be sent", (_, data) => {
    expectNotSerializable([data], "args[0][0]: bytes can only be an argument of their own");
    expectNotSerializable({ a: { b: data } }, "args[0].a.b: bytes can only be an argument of their own");
    expectNotSerializable(new Point({ a: data }), "args[0].a: bytes can only be an argument of their own");
    expectNotSerializable(new Json(data), "args[0]: bytes can only be an argument of their own");
    expectNotSerializable([new Json([data])], "args[0][0][0]: bytes can only be an argument of their own");
  });

  it("bytes inside an argument can be sent with a custom serializer", () => {
    const options = writing({ hex: (own) => (own instanceof Uint8Array ? hex(own) : null) });
    expect(typed([Uint8Array.of(255)], options)).toBe('["hex:ff"]');
    const inside = new Point({ a: Uint8Array.of(255) });
    expect(typed(inside, options)).toBe('{"a":"hex:ff"}');
    expect(hex(encode([inside], options))).toBe(hex(referenceEncode([inside], options)));
    expect(typed([new Json([Buffer.of(255)])], options)).toBe('[["hex:ff"]]');
  });

  it("functions and symbols cannot be sent, but with a custom serializer", () => {
    expectNotSerializable(() => 1, "args[0]: a function cannot be sent");
    expectNotSerializable({ a: [Symbol("x")] }, "args[0].a[0]: a symbol cannot be sent");
    expectNotSerializable(new Json(() => 1), "args[0]: a function cannot be sent");
    expectNotSerializable([[], { a: [[]], b: () => 1 }], "args[0][1].b: a function cannot be sent");
    expect(typed([Symbol.for("x")], writing({ sym: (own) => (typeof own === "symbol" ? "x" : null) }))).toBe(
      '["sym:x"]',
    );
  });

  it("a cycle cannot be sent, and its first turn is named", () => {
    const self: Record<string, unknown> = {};
    self.user = { items: [1, self] };
    expectNotSerializable(self, "args[0].user.items[1]: it contains itself");
    const list: unknown[] = [];
    list.push(list);
    expectNotSerializable({ "a b": list }, 'args[0]["a b"][0]: it contains itself');
    const point = new Point({});
    Object.assign(point, { point });
    expectNotSerializable(point, "args[0].point: it contains itself");
  });

  it("a cycle whose turn is longer than the depth is too deep or a cycle, with an error of ours", () => {
    const first: Record<string, unknown> = {};
    let last = first;
    for (let i = 0; i < 255; i++) {
      const next = {};
      last.n = next;
      last = next;
    }
    last.n = first;
    expectNotSerializable(first, /it contains itself$/);
    last.n = { n: first };
    expectNotSerializable(first, /deeper than 256 levels$/);
  });

  it("the same object twice is no cycle", () => {
    const shared = { a: 1 };
    expect(typed([shared, shared])).toBe('[{"a":"n:1"},{"a":"n:1"}]');
  });

  it("an object that is there very often ends at the number of values", () => {
    let shared: unknown = 1;
    for (let i = 0; i < 60; i++) shared = [shared, shared];
    expectNotSerializable(shared, /more than 100000 values$/);
  });
});

describe("custom serializers and deserializers", () => {
  const money = writing({ money: (own) => (own instanceof Money ? own.text : null) });

  it("a custom text with quotes as an argument is escaped; the reference breaks it", () => {
    const message = encode([new Money('5 "EUR"')], money);
    expect(Buffer.from(message).toString()).toContain('"money:5 \\"EUR\\""');
    expect(decode(message, reading({ money: (own) => new Money(own) }))).toEqual([new Money('5 "EUR"')]);
    const broken = referenceEncode([new Money('5 "EUR"')], money);
    expect(() => referenceDecode(broken, reading({ money: (own) => own }))).toThrow();
  });

  it("no serializer is asked for arrays, plain objects and scalars, wherever they are", () => {
    const options = writing({ any: (own) => (own instanceof Json || own instanceof Point ? null : "x") });
    const values = ["a", 1, null, [1], { a: [{}] }];
    for (const argument of [values, new Point({ values }), [new Json(values), new Json({ values })]]) {
      expect(hex(encode([argument], options))).toBe(hex(referenceEncode([argument], options)));
      expect(typed(argument, options)).not.toContain("any");
    }
  });

  it("a serializer that gives neither text nor null is named", () => {
    for (const given of [undefined, 1, {}]) {
      const options = { serializerArgs: [{ bad: () => given as never }] } satisfies CodecOptions;
      expectNotSerializable(new Point({}), /^args\[0\]: .*"bad" must return a string or null/, options);
      expectNotSerializable([Symbol("x")], /^args\[0\]\[0\]: /, options);
    }
  });

  it("a deserializer that throws makes the message malformed, with the cause", () => {
    const cause = new RangeError("no");
    const options = reading({
      X: () => {
        throw cause;
      },
    });
    const error = errorOf(() => value('["X:1"]', options));
    expect([error.code, error.cause]).toEqual(["MALFORMED_MESSAGE", cause]);
    expect(error.message).toMatch("a custom deserializer failed");
  });

  it("a scalar that no deserializer is for makes the message malformed, without a cause", () => {
    const error = errorOf(() => value('"Y:1"', reading({ X: () => 1 })));
    expect([error.code, error.cause]).toEqual(["MALFORMED_MESSAGE", undefined]);
    expect(error.message).toMatch("a scalar of an unknown type");
  });

  it.each([undefined, Number.NaN, null, 0, ""])("a deserializer's %s is passed on", (given) => {
    const options = reading({ X: () => given });
    expect(value('"X:1"', options)).toBe(given);
    expect(value('["X:1"]', options)).toEqual([given]);
    expect(Object.entries(value('{"a":"X:1"}', options) as object)).toEqual([["a", given]]);
  });

  it("a deserializer's key may have two bytes before the colon that look like a scalar's", () => {
    expect(value('["sx:1","nn:2"]', reading({ sx: (own) => own, nn: (own) => own }))).toEqual(["1", "2"]);
  });

  it("a deserializer may decode in its turn", () => {
    const options = reading({ X: (own) => value(own) });
    expect(value(`["s:a",${JSON.stringify('X:["s:b",["n:1"]]')},"s:c"]`, options)).toEqual(["a", ["b", [1]], "c"]);
  });

  it("a toJSON or a serializer may encode in its turn", () => {
    const inner = (): string => hex(encode(["x".repeat(100), { a: 1 }]));
    const expected = inner();
    expect(value(typed([{ toJSON: inner }, "y"]))).toEqual([expected, "y"]);
    expect(value(typed([new Money("1")], writing({ X: inner })), reading({ X: (own) => own }))).toEqual([expected]);
  });

  it("what a toJSON throws reaches the caller", () => {
    const cause = new RangeError("mine");
    const failing = {
      toJSON: () => {
        throw cause;
      },
    };
    expect(() => encode([failing])).toThrow(cause);
  });
});

describe("data that looks like something else", () => {
  it("own then, toString and toJSON are data, and sent again as they came", () => {
    const json = '{"then":"s:x","toJSON":"n:1","toString":"u:"}';
    expect(typed(value(json))).toBe(json);
  });
});
