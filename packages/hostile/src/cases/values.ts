import assert from "node:assert/strict";
import { decode, encode, encodeFrame, Opcode, part } from "@ezez-ws/conformance";
import type { Target } from "../arena.js";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

/** The longest that refusing a message may keep the loop. */
const BLOCK_MS = 50;

/** A message whose only argument is this typed JSON, right or wrong. */
const json = (text: string, eventName = "value"): Buffer =>
  Buffer.concat([part("f", eventName), part("j", '"n:1"'), part("j", '"l:"'), part("j", text)]);

/** Each of these closes the connection that sends it with 1002. Gives how long the loop was kept for one at the most. */
const refused = async (server: Target, texts: readonly string[]): Promise<number> => {
  const longest = server.longestBlockUntilLeft(texts.length);
  for (const text of texts) {
    const wire = await server.authenticated();
    wire.binary(json(text));
    assert.equal((await wire.closed()).code, 1002, text.slice(0, 60));
  }
  await server.called("onDisconnect", texts.length);
  return longest;
};

export const values: readonly Case[] = [
  {
    number: 23,
    title: "Keys named `__proto__` at any depth: 1002; `constructor` and `prototype` are data; no prototype is touched",
    run: async (arena) => {
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          callbacks: {
            onMessage: (_client, _eventName, [value]) => {
              const own = (value as { constructor: unknown }).constructor;
              const touched = ({} as { x?: unknown }).x !== undefined;
              const plain = Object.getPrototypeOf(value) === Object.prototype;
              lab.kept.set("inert", plain && !touched && typeof own === "object");
            },
          },
        }),
      );
      const evil = '{"x":"b:1","isAdmin":"b:1"}';
      const wrap = (depth: number, text: string): string => (depth === 0 ? text : `{"a":${wrap(depth - 1, text)}}`);
      await refused(
        server,
        [0, 1, 3].flatMap((depth) => [
          wrap(depth, `{"__proto__":${evil}}`),
          wrap(depth, `{"__proto__":${evil},"u":"u:"}`),
          wrap(depth, '{"u":"u:","__proto__":"l:"}'),
          wrap(depth, `{"\\u005f_proto__":${evil}}`),
        ]),
      );
      const wire = await server.authenticated();
      wire.binary(json(`{"constructor":{"prototype":${evil}},"prototype":${evil},"u":"u:"}`));
      await server.called("onMessage");
      assert.equal(await server.run((lab) => lab.kept.get("inert")), true);
    },
  },
  {
    number: 24,
    title: "Types named after properties of every object, with custom deserializers: 1002, and none is called",
    run: async (arena) => {
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          options: {
            unserializerArgs: [
              {
                D: (text: string) => {
                  lab.kept.set("called", true);
                  return text;
                },
              },
            ],
          },
        }),
      );
      const names = ["toString", "__proto__", "valueOf", "constructor", "hasOwnProperty", "__defineGetter__", "", "d"];
      await refused(
        server,
        names.flatMap((name) => [`"${name}:x"`, `{"a":["${name}:x"]}`]),
      );
      assert.equal(await server.run((lab) => lab.kept.get("called") ?? false), false);
    },
  },
  {
    number: 25,
    title: "A custom deserializer that throws, anything: 1002; one that gives undefined or NaN is passed on",
    run: async (arena) => {
      const server = await arena.serve(
        (lab: Lab): Setting => ({
          options: {
            unserializerArgs: [
              {
                D: (text: string) => {
                  if (text === "error") throw new Error("no date");
                  if (text === "null") throw null;
                  return text === "nan" ? Number.NaN : undefined;
                },
              },
            ],
          },
          callbacks: {
            onMessage: (_client, _eventName, args) => void lab.kept.set("args", args.map(String)),
          },
        }),
      );
      await refused(server, ['"D:error"', '["D:null"]']);
      const wire = await server.authenticated();
      wire.binary(Buffer.concat([json('"D:nan"'), part("j", '"D:nothing"')]));
      await server.called("onMessage");
      assert.deepEqual(await server.run((lab) => lab.kept.get("args")), ["NaN", "undefined"]);
    },
  },
  {
    number: 26,
    title: "257, 5,000 and 1,000,000 levels of JSON: 1002 at once; the encoder refuses the same depth at the caller",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve();
      const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
      const longest = await refused(server, [
        nested(257),
        nested(5000),
        nested(500_000),
        "[".repeat(1_000_000),
        '{"a":'.repeat(150_000),
      ]);
      assert.ok(longest < BLOCK_MS, `the loop was kept for ${longest} ms`);
      const wire = await server.authenticated();
      wire.binary(json(nested(256)));
      await server.called("onMessage");
      const thrown = await server.run((lab) => {
        const nest = (depth: number): unknown => {
          let value: unknown[] = [];
          for (let i = 1; i < depth; i++) value = [value];
          return value;
        };
        return [256, 257, 100_000].map((depth) => {
          try {
            lab.client.send("deep", [nest(depth)]);
            return "sent";
          } catch (error) {
            return (error as { code: string }).code;
          }
        });
      });
      assert.deepEqual(thrown, ["sent", "NOT_SERIALIZABLE", "NOT_SERIALIZABLE"]);
    },
  },
  {
    number: 27,
    title: "A bigint of one digit too many, bigints and numbers that are none: 1002",
    run: async (arena) => {
      const server = await arena.serve({ maxBigIntLength: 100 });
      const wrong = [`i:${"9".repeat(101)}`, "i:", "i:0x10", "i: 5", "i:1.5", "i:1e3", "i:--1", "i:01"];
      const junk = ["n:", "n:0x10", "n: 5 ", "n:abc", "n:+1", "n:.5", "n:01", "n:1e", "n:infinity", "n:1_000"];
      await refused(
        server,
        [...wrong, ...junk].map((text) => `"${text}"`),
      );
      const wire = await server.authenticated();
      const value = 10n ** 100n - 1n;
      assert.equal(await server.echo(wire, value), value);
    },
  },
  {
    number: 28,
    title:
      "300,000 empty arrays, 170,000 empty strings, 110,000 keys and values in 1 MiB: 1002; others are served meanwhile",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve();
      const keys = Array.from({ length: 70_000 }, (_, i) => `"${i.toString(36)}":"b:"`);
      await refused(server, [
        `[${Array(300_000).fill("[]").join(",")}]`,
        `[${Array(170_000).fill('"s:"').join(",")}]`,
        `{${keys.join(",")},"z":[${Array(40_000).fill('""').join(",")}]}`,
      ]);
    },
  },
  {
    number: 29,
    title:
      "-0, NaN, infinities, sparse arrays, undefined, lone surrogates, a BOM, emoji over two fragments: as the reference has it",
    run: async (arena) => {
      const server = await arena.serve();
      const wire = await server.authenticated();
      // biome-ignore lint/suspicious/noSparseArray: that is what is tested
      const sparse = [1, , 3];
      const args = [
        [-0, Number.NaN, Infinity, -Infinity, 2 ** 53, 5e-324, 1e308],
        [2n ** 53n + 1n, -(2n ** 64n)],
        sparse,
        { a: undefined, b: [undefined, null] },
        ["\ud800", "\udfff x"],
        "\ufeffBOM",
        ["\ufeffBOM"],
        "\0",
        { z: 1, a: { z: 1, a: 2 }, 10: 1, 2: 2 },
        -0,
      ];
      wire.event("echo", ...args);
      const bytes = encode("echo", 1, null, ...args);
      assert.deepEqual((await wire.next()).slice(3), decode(bytes).slice(3));
      const emoji = encode("echo", 2, null, "😀".repeat(10));
      // In the middle of a character, and of a frame's own bytes.
      const cut = emoji.length - 7;
      wire.write(encodeFrame(Opcode.binary, emoji.subarray(0, cut), { fin: false }));
      wire.write(encodeFrame(Opcode.continuation, emoji.subarray(cut)));
      assert.equal((await wire.next())[3], "😀".repeat(10));
    },
  },
  {
    number: 30,
    title: "Arguments with a `then`, a `toString` or a `toJSON` of their own are data, also in what fails with them",
    run: async (arena) => {
      const server = await arena.serve(
        (): Setting => ({
          callbacks: {
            onMessage: async (_client, eventName, [value]) => {
              if (eventName === "return") return value;
              if (eventName === "throw") throw value;
              return undefined;
            },
          },
        }),
      );
      const wire = await server.authenticated();
      // Built from entries: a literal with a `then` is what linters rightly warn of.
      const own = (...entries: [string, unknown][]): unknown => Object.fromEntries(entries);
      const hostile = [
        own(["then", "x"]),
        own(["then", own(["then", 1])]),
        own(["toString", 1], ["valueOf", 2]),
        own(["toJSON", "x"]),
      ];
      for (const value of hostile) {
        assert.deepEqual(await server.echo(wire, value), value);
        wire.event("return", value);
        wire.event("throw", value);
      }
      assert.equal(await server.echo(wire, "alive"), "alive");
      await server.called("onError", hostile.length);
      assert.deepEqual(await server.errors(), Array(hostile.length).fill("CALLBACK_FAILED"));
    },
  },
];
