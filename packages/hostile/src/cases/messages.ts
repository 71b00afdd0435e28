import assert from "node:assert/strict";
import { decode, encode, part, type Wire } from "@ezez-ws/conformance";
import { MALFORMED } from "@ezez-ws/conformance/malformed";
import type { Target } from "../arena.js";
import type { Case } from "../case.js";
import type { Lab, Setting } from "../program/lab.js";

const KiB = 1024;
const MiB = 1024 * KiB;

const VALUES: readonly unknown[] = [
  "",
  "hello",
  "a\0b, ü, 😀",
  0,
  -1.5,
  1e21,
  12_345_678_901_234_567n,
  true,
  null,
  undefined,
  [],
  { a: [{ b: undefined }, null, ["x"]], z: { y: 1n } },
  Buffer.from([0, 1, 2, 255]),
  Buffer.alloc(0),
];

/** The parts of 50 messages, all different. */
const VALID = Array.from({ length: 50 }, (_, index) => {
  const args = Array.from({ length: index % 5 }, (_, at) => VALUES[(index * 3 + at * 5) % VALUES.length]);
  return ["event", index + 1, null, ...args, index];
});

/** Answers each message with an event of its own name. */
const mirror = (): Setting => ({
  callbacks: { onMessage: (_client, eventName, args, reply) => reply(eventName, args) },
});

/** What a message led to: the parts that came back, or the code that it was refused with. */
const fateOf = async (wire: Wire, bytes: Uint8Array): Promise<unknown[] | number> => {
  wire.binary(bytes);
  try {
    const [eventName, , replyTo, ...args] = await wire.next();
    return [eventName, replyTo, ...args];
  } catch {
    return (await wire.closed()).code;
  } finally {
    wire.destroy();
  }
};

const fates = (server: Target, messages: readonly Uint8Array[]): Promise<(unknown[] | number)[]> =>
  server.many(messages.length, async (i) => fateOf(await server.authenticated(), messages[i] ?? Buffer.alloc(0)));

const ofSize = (bytes: number): Buffer => {
  const digits = String(bytes).length;
  const overhead = encode("echo", 1, null).length + digits + 3;
  const message = Buffer.concat([encode("echo", 1, null), part("t", Buffer.alloc(bytes - overhead))]);
  assert.equal(message.length, bytes);
  return message;
};

export const messages: readonly Case[] = [
  {
    number: 17,
    title:
      "Messages that no encoder makes, first the one on which the reference decoder never ends: 1002, one error each, nothing dispatched",
    pace: "busy",
    run: async (arena) => {
      const server = await arena.serve();
      const all = Object.values(MALFORMED);
      assert.equal(all[0]?.toString(), "-5f\0");
      const longest = server.longestBlockUntilLeft(all.length);
      for (const bytes of all) {
        const wire = await server.authenticated();
        wire.binary(bytes);
        assert.equal((await wire.closed()).code, 1002, bytes.subarray(0, 40).toString());
      }
      await server.called("onDisconnect", all.length);
      assert.ok((await longest) < 50, `the loop was kept for ${await longest} ms`);
      assert.deepEqual(await server.errors(), Array(all.length).fill("MALFORMED_MESSAGE"));
      assert.deepEqual(await server.messages(), []);
    },
  },
  {
    number: 18,
    title: "Prefixes of 50 valid messages: refused, or the message that ends with that argument",
    run: async (arena) => {
      const server = await arena.serve(mirror);
      const random = arena.random();
      const prefixes: Buffer[] = [];
      const expected: (unknown[] | number)[] = [];
      for (const parts of VALID) {
        const whole = encode(...parts);
        const ends = new Map(parts.map((_, at) => [encode(...parts.slice(0, at)).length, at]));
        const lengths = [...ends.keys(), ...Array.from({ length: 4 }, () => random.below(whole.length))];
        for (const length of lengths) {
          const count = ends.get(length) ?? 0;
          prefixes.push(whole.subarray(0, length));
          expected.push(count < 3 ? 1002 : [parts[0], parts[1], ...parts.slice(3, count)]);
        }
      }
      assert.deepEqual(await fates(server, prefixes), expected);
    },
  },
  {
    number: 19,
    title:
      "One byte changed in each of 50 valid messages, at random: refused, or read as the reference decoder reads it",
    run: async (arena) => {
      const server = await arena.serve(mirror);
      const random = arena.random();
      const changed = VALID.flatMap((parts) =>
        Array.from({ length: 6 }, () => {
          const bytes = encode(...parts);
          bytes[random.below(bytes.length)] = random.below(256);
          return bytes;
        }),
      );
      const all = await fates(server, changed);
      for (const [index, fate] of all.entries()) {
        if (typeof fate === "number") {
          assert.equal(fate, 1002, changed[index]?.toString("latin1"));
          continue;
        }
        // The reference may not end on what was refused; on what was taken it does.
        const [eventName, eventId, , ...args] = decode(changed[index] ?? Buffer.alloc(0));
        assert.deepEqual(fate, [eventName, eventId, ...args]);
      }
      assert.ok(all.some((fate) => typeof fate === "number") && all.some((fate) => typeof fate !== "number"));
    },
  },
  {
    number: 20,
    title: "Arguments of no bytes; 1,024 parts and one more; a message of exactly `maxPayload` and of one byte more",
    run: async (arena) => {
      const server = await arena.serve({ maxPayload: 100 * KiB });
      const wire = await server.authenticated();
      wire.event("echo", "", Buffer.alloc(0));
      assert.deepEqual((await wire.next()).slice(3), ["", Buffer.alloc(0)]);
      wire.event("none", ...Array(1021).fill(""));
      wire.binary(ofSize(100 * KiB));
      await server.called("onMessage", 3);
      wire.destroy();
      const [many, large] = [await server.authenticated(), await server.authenticated()];
      many.event("none", ...Array(1022).fill(""));
      assert.equal((await many.closed()).code, 1002);
      large.binary(ofSize(100 * KiB + 1));
      assert.equal((await large.closed()).code, 1009);
      assert.equal(await server.run((lab) => lab.count("onMessage")), 3);
    },
  },
  {
    number: 21,
    title: "NUL bytes within text and bytes come back as they are",
    run: async (arena) => {
      const server = await arena.serve();
      const wire = await server.authenticated();
      const args = ["\0", "a\0\0b", "4f\0test\0", Buffer.from("1f\0a\0"), Buffer.alloc(300)];
      wire.event("echo", ...args);
      assert.deepEqual((await wire.next()).slice(3), args);
    },
  },
  {
    number: 22,
    title: "1,000 single bytes kept of messages of 100 KiB keep nothing else; bytes read after an await are the same",
    pace: "busy",
    run: async (arena) => {
      const count = 1000;
      const server = await arena.serve((lab: Lab) => ({
        callbacks: {
          onMessage: async (_client, eventName, args, reply) => {
            if (eventName === "keep") lab.kept.set(`bytes ${lab.kept.size}`, args[0]);
            else {
              await new Promise((resolve) => setTimeout(resolve, 50));
              reply("late", args);
            }
          },
        },
      }));
      const wire = await server.authenticated();
      const before = await server.run((lab) => lab.memory());
      const filler = Buffer.alloc(100 * KiB);
      for (let i = 0; i < count; i++) {
        wire.event("keep", Buffer.from([i & 255]), filler);
        if (i % 50 === 49) await server.called("onMessage", i + 1);
      }
      const bytes = Buffer.from("the same bytes");
      wire.event("later", bytes);
      for (let i = 0; i < 20; i++) wire.event("keep", Buffer.from("x"), filler);
      assert.deepEqual((await wire.next())[3], bytes);
      await server.called("onMessage", count + 21);
      // The record of the calls is ours, and holds all arguments.
      const after = await server.run((lab) => {
        lab.calls.length = 0;
        return lab.memory();
      });
      assert.ok(after.external - before.external < 20 * MiB, `external grew by ${after.external - before.external}`);
    },
  },
];
