import { expect } from "vitest";
import type { Area } from "../area.js";
import { encodeFrame, Opcode } from "../frames.js";
import { encode, hex, part } from "../messages.js";

const json = (text: string): Buffer => part("j", text);
const event = (...rest: Buffer[]): Buffer => Buffer.concat([part("f", "a"), ...rest]);
const id = json('"n:1"');
const none = json('"l:"');

/** Messages that no peer may send; each closes with 1002. */
export const MALFORMED: Readonly<Record<string, Buffer>> = {
  "a negative length, on which the reference decoder never ends": Buffer.from("-5f\0"),
  "an empty message": Buffer.alloc(0),
  "no NUL at all": Buffer.alloc(1000, "1"),
  "an empty length": Buffer.from("f\0"),
  "a hexadecimal length": Buffer.from("0x1f\0a\0"),
  "a length with a leading zero": Buffer.from("01f\0a\0"),
  "a length with an exponent": Buffer.from("1e0f\0a\0"),
  "a length beyond the message": Buffer.from("10f\0short\0"),
  "a length of more digits than a message can have": Buffer.from("99999999999f\0a\0"),
  "an unknown mark": event(Buffer.from("1x\0a\0"), none),
  "a part without its closing NUL": encode("a", 1, null).subarray(0, -1),
  "another byte in place of the closing NUL": Buffer.from("1f\0aX"),
  "bytes behind the last part": Buffer.concat([encode("a", 1, null), Buffer.from("x")]),
  "text that is no UTF-8": Buffer.concat([hex("3266 00 c328 00"), id, none]),
  "typed JSON that is no UTF-8": event(id, none, hex("356a 00 22733aff22 00")),
  "an event's name that is no string": Buffer.concat([json('"n:1"'), id, none]),
  "an empty event's name": Buffer.concat([part("f", ""), id, none]),
  "an event's name of 257 bytes": Buffer.concat([part("f", "x".repeat(257)), id, none]),
  "a message without ids": part("f", "a"),
  "a message without replyTo": event(id),
  "an id that is a string": event(part("f", "1"), none),
  "an id of 0": event(json('"n:0"'), none),
  "a negative id": event(json('"n:-1"'), none),
  "an id that is no integer": event(json('"n:1.5"'), none),
  "an id of 2^53": event(json('"n:9007199254740992"'), none),
  "an id that is NaN": event(json('"n:NaN"'), none),
  "an id that is an object": event(json("{}"), none),
  "a replyTo that is undefined": event(id, json('"u:"')),
  "a replyTo that is a string": event(id, part("f", "1")),
  "a replyTo of 0": event(id, json('"n:0"')),
  "JSON without types": event(id, none, json("1")),
  "a string without a type": event(id, none, json('"x"')),
  "an unknown type": event(id, none, json('"toString:x"')),
  "a number that is none": event(id, none, json('"n:0x10"')),
  "a bigint that is none": event(id, none, json('"i:1.5"')),
  "a bigint of more than 10,000 digits": event(id, none, json(`"i:${"9".repeat(10_001)}"`)),
  "a boolean that is none": event(id, none, json('"b:0"')),
  "an undefined with a text": event(id, none, json('"u:x"')),
  "a key named __proto__": event(id, none, json('{"x":{"__proto__":{"y":"u:"}}}')),
  "a key that comes twice": event(id, none, json('{"x":"n:1","x":"n:2"}')),
  "white space in typed JSON": event(id, none, json('[ "n:1"]')),
  "typed JSON that ends early": event(id, none, json('["n:1"')),
  "typed JSON of 257 levels": event(id, none, json("[".repeat(257) + "]".repeat(257))),
  "typed JSON of 30,000 levels": event(id, none, json("[".repeat(30_000))),
  "more than 1,024 parts": event(id, none, ...Array.from({ length: 1022 }, () => part("t", ""))),
};

export const malformed: Area = ({ it, row: { capabilities } }) => {
  for (const [what, bytes] of Object.entries(MALFORMED)) {
    it(`${what}: 1002, one error, and nothing is dispatched`, async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      wire.binary(bytes);
      wire.event("a", "after it");
      expect((await wire.closed()).code).toBe(1002);
      await running.called("onDisconnect");
      expect(running.errors.map((error) => error.code)).toEqual(["MALFORMED_MESSAGE"]);
      expect(running.messages).toEqual([]);
      expect(running.given("onDisconnect")[0]?.[0]).toBe(1002);
    });
  }

  it("a malformed message before authentication: 1002 without auth-rejected", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.binary(Buffer.from("-5f\0"));
    expect((await wire.closed()).code).toBe(1002);
    expect(wire.unread).toEqual([]);
    await running.called("onDisconnect");
    expect(running.count("onAuthRejected")).toBe(0);
  });

  it("exactly 1,024 parts, 256 levels and a bigint of 10,000 digits are accepted", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.binary(event(id, none, ...Array.from({ length: 1021 }, () => part("t", ""))));
    wire.binary(
      event(json('"n:2"'), none, json("[".repeat(256) + "]".repeat(256)), json(`"i:-${"9".repeat(10_000)}"`)),
    );
    await running.called("onMessage", 2);
    expect(running.messages[0]).toHaveLength(1022);
    expect(running.messages[1]?.[2]).toBe(-(10n ** 10_000n - 1n));
  });

  it("maxBigIntLength sets the digits of a bigint, and Infinity lifts the limit", async (lab) => {
    const strict = await lab.start({ maxBigIntLength: 3 });
    const wire = await strict.authenticated();
    wire.event("a", 999n, -999n);
    await strict.called("onMessage");
    wire.event("a", 1000n);
    expect((await wire.closed()).code).toBe(1002);
    const lax = await lab.start({ maxBigIntLength: Infinity });
    (await lax.authenticated()).event("a", 10n ** 20_000n);
    await lax.called("onMessage");
  });

  it("a custom deserializer that throws: 1002, with what it threw as the cause", async (lab) => {
    const thrown = new Error("no date");
    const throws = (): never => {
      throw thrown;
    };
    const running = await lab.start({ unserializerArgs: [{ D: throws }] });
    const wire = await running.authenticated();
    wire.binary(event(id, none, json('"D:x"')));
    expect((await wire.closed()).code).toBe(1002);
    await running.called("onError");
    expect(running.errors[0]?.cause).toBe(thrown);
  });

  it("a custom deserializer that closes the connection: its message is not dispatched", async (lab) => {
    const running = await lab.start({
      unserializerArgs: [{ D: () => running.server.clients[0]?.disconnect(4000, "enough") }],
    });
    const wire = await running.authenticated();
    wire.binary(event(id, none, json('"D:x"')));
    expect((await wire.closed()).code).toBe(4000);
    await running.called("onDisconnect");
    expect(running.messages).toEqual([]);
  });

  for (const name of ["ezez-ws::auth-ok", "ezez-ws::auth-rejected", "ezez-ws::anything"]) {
    it(`the reserved name ${name} from a peer: 1002`, async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      wire.binary(encode(name, 1, null));
      expect((await wire.closed()).code).toBe(1002);
      await running.called("onDisconnect");
      expect(running.errors.map((error) => error.code)).toEqual(["RESERVED_EVENT"]);
      expect(running.messages).toEqual([]);
    });
  }

  it("a text message: 1003, never dispatched", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.text('{"event":"a"}');
    expect((await wire.closed()).code).toBe(1003);
    await running.called("onDisconnect");
    expect(running.errors.map((error) => error.code)).toEqual(["TEXT_MESSAGE"]);
    expect(running.messages).toEqual([]);
  });

  it("a text message before authentication: 1003 as well", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    wire.text("");
    expect((await wire.closed()).code).toBe(1003);
  });

  it("a text message that is no UTF-8: the runtime's own close", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    wire.frame(Opcode.text, hex("c328"));
    expect((await wire.closed()).code).toBe(capabilities.nativeUtf8CloseCode);
    await running.answersOthers();
  });

  for (const [what, opcode, options] of [
    ...(capabilities.unmaskedFrame === "refused"
      ? [["an unmasked frame", Opcode.binary, { masked: false }] as const]
      : []),
    ["a reserved bit", Opcode.binary, { rsv: 4 }],
    ["an opcode that is not defined", 3, {}],
    ["a control frame in fragments", Opcode.ping, { fin: false }],
    ["a continuation of nothing", Opcode.continuation, {}],
  ] as const) {
    it(`${what}: the runtime's own close, and only that connection`, async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      wire.frame(opcode, Buffer.from("x"), options);
      expect((await wire.closed()).code).toBe(capabilities.nativeFramingCloseCode);
      await running.called("onDisconnect");
      expect(running.given("onDisconnect")[0]?.[0]).toBe(1006);
      expect(running.errors.map((error) => error.code)).toEqual(
        capabilities.reportsFramingErrors ? ["TRANSPORT_ERROR"] : [],
      );
      await running.answersOthers();
    });
  }

  it("what comes behind a broken frame, while what came before it is still being read, ends nothing but the connection", async (lab) => {
    const running = await lab.start();
    const wire = await running.open();
    // Less than makes a runtime stop reading, and more than it gets done until the rest is there.
    const ping = encodeFrame(Opcode.ping, Buffer.alloc(0));
    wire.write(Buffer.concat(Array.from({ length: 2000 }, () => ping)));
    await wire.nextFrame("the first pong");
    wire.frame(Opcode.text, hex("c328"));
    for (let i = 0; i < 50; i++) await wire.nextFrame("a pong").catch(() => undefined);
    wire.write(Buffer.alloc(100));
    await wire.closed();
    await running.called("onDisconnect");
    expect(running.given("onDisconnect")).toEqual([[1006, ""]]);
    await running.answersOthers();
  });

  if (capabilities.unmaskedFrame === "misread") {
    it("a frame that says it has no mask is read as if it had one", async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      const frame = encodeFrame(Opcode.binary, encode("a", 1, null, "masked"));
      frame[1] = (frame[1] ?? 0) & 0x7f;
      wire.write(frame);
      await running.called("onMessage");
      expect(running.messages).toEqual([["a", "masked"]]);
    });

    it("an unmasked frame is misread, and only that connection's", async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      wire.frame(Opcode.binary, encode("a", 1, null), { masked: false });
      wire.event("a");
      await wire.closed();
      expect(running.messages).toEqual([]);
      await running.answersOthers();
    });
  }

  if (capabilities.unmaskedFrame === "read") {
    it("an unmasked frame is read like any other", async (lab) => {
      const running = await lab.start();
      const wire = await running.authenticated();
      wire.frame(Opcode.binary, encode("a", 1, null, "unmasked"), { masked: false });
      await running.called("onMessage");
      expect(running.messages).toEqual([["a", "unmasked"]]);
    });
  }

  it("a message in fragments of one byte, with pings between, arrives once", async (lab) => {
    const running = await lab.start();
    const wire = await running.authenticated();
    const bytes = encode("a", 1, null, "fragments 😀");
    bytes.forEach((byte, at) => {
      wire.frame(at === 0 ? Opcode.binary : Opcode.continuation, Buffer.from([byte]), { fin: at === bytes.length - 1 });
      if (at % 7 === 0) wire.frame(Opcode.ping, Buffer.from("?"));
    });
    await running.called("onMessage");
    expect(running.messages).toEqual([["a", "fragments 😀"]]);
  });
};
