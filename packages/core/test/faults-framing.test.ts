// Faults of the reference's framing, each with what is right. The reference takes all that is refused here, ends wrongly
// or does not end.
import { describe, expect, it } from "vitest";
import { FrameCodec } from "../src/frame.js";
import { bytes, concat, decode, encode, errorOf, expectMalformed, part } from "./codec.js";
import { referenceDecode } from "./reference.js";
import { hex } from "./same.js";

const good = part("f", "test");
const envelope = concat(part("f", "e"), part("j", '"n:1"'), part("j", '"l:"'));
const codec = new FrameCodec();

const refused: Record<string, Uint8Array> = {
  "-5f: the reference never ends": bytes("-5f\0"),
  "-9f": bytes("-9f\0"),
  "-11f": bytes("-11f\0"),
  "-12f": bytes("-12f\0"),
  "-5f behind a good part": concat(good, bytes("-5f\0")),
  "-11f behind a good part": concat(good, bytes("-11f\0")),
  "-1f: the reference reads bytes again": bytes("-1f\0"),
  "-3f": bytes("-3f\0"),
  "-4f": bytes("-4f\0"),
  "abcf: no number, which drops the rest": bytes("abcf\0test\0"),
  "Infinityf: takes all that is left": bytes("Infinityf\0test\0"),
  "1e400f": bytes("1e400f\0test\0"),
  "9007199254740993f": bytes("9007199254740993f\0test\0"),
  "10,000,000,000 bytes": bytes("10000000000f\0test\0"),
  "9,999,999,999 bytes": bytes("9999999999f\0test\0"),
  "0x4f": bytes("0x4f\0test\0"),
  "0b100f": bytes("0b100f\0test\0"),
  "1e0f": bytes("1e0f\0t\0"),
  "4e0f": bytes("4e0f\0test\0"),
  "+4f": bytes("+4f\0test\0"),
  " 4f": bytes(" 4f\0test\0"),
  "4 f": bytes("4 f\0test\0"),
  "04f": bytes("04f\0test\0"),
  "00f": bytes("00f\0\0"),
  "4.0f": bytes("4.0f\0test\0"),
  "4.7f": bytes("4.7f\0test\0"),
  "-0f": bytes("-0f\0\0"),
  "4nf": bytes("4nf\0test\0"),
  "4_0f": bytes("4_0f\0test\0"),
  "a digit of -1, the byte before 0": bytes("1/f\0nine-long\0"),
  "a digit of 10, the byte behind 9": bytes("1:f\0twenty-bytes-of-text\0"),
  "digits of another script": bytes("\u0664f\0test\0"),
  "no length": bytes("f\0\0"),
  "no mark": bytes("4\0test\0"),
  "two marks": bytes("4ff\0test\0"),
  "an unknown mark": bytes("4x\0test\0"),
  "a mark in upper case": bytes("4F\0test\0"),
  "1 MiB of zeros before the length": concat(new Uint8Array(2 ** 20).fill(0x30), bytes("4f\0test\0")),
  "1 MiB of digits": new Uint8Array(2 ** 20).fill(0x31),
  "ten declared, five there": bytes("10f\0test\0"),
  "one more declared than there": bytes("5f\0test\0"),
  "one less declared than there": bytes("3f\0test\0"),
  "no closing 0x00": bytes("4f\0test"),
  "no 0x00 behind the mark": bytes("4fXtest\0"),
  "a closing byte that is not 0x00": bytes("4f\0testX1f\0a\0"),
  "the same at the end": bytes("4f\0testX"),
  "a 0x00 between parts": concat(good, bytes("\0"), good),
  "a 0x00 in front": concat(bytes("\0"), good),
  "a 0x00 at the end": concat(good, bytes("\0")),
  "bytes without 0x00 at the end": concat(good, bytes("x")),
  "a header at the end": concat(good, bytes("4f")),
  "a header and its 0x00 at the end": concat(good, bytes("4f\0")),
  "a text that is no UTF-8": part("f", Buffer.from([0x61, 0xff])),
  "a longer text that is no UTF-8": part("f", Buffer.from([...new Array<number>(40).fill(0x61), 0x80])),
  "a text whose last character is cut": part("f", Buffer.from([0xe2, 0x82])),
  "a continuation byte alone": part("f", Buffer.from([0x80])),
  "an overlong text": part("f", Buffer.from([0xc0, 0xaf])),
  "an overlong 0x00": part("f", Buffer.from([0xc0, 0x80])),
  "an encoded surrogate": part("f", Buffer.from([0xed, 0xa0, 0x80])),
  "a code point above U+10FFFF": part("f", Buffer.from([0xf4, 0x90, 0x80, 0x80])),
  "typed JSON that is no UTF-8": part("j", Buffer.from([0x22, 0x73, 0x3a, 0xff, 0x22])),
  "1,000,000 empty texts": bytes("0f\0\0".repeat(1_000_000)),
  "262,144 empty bytes": bytes("0t\0\0".repeat(262_144)),
  "16 MiB without 0x00": new Uint8Array(2 ** 24).fill(0x78),
};

describe("refused", () => {
  it.each(Object.entries(refused))("%s", (_, message) => {
    expectMalformed(() => decode(message));
  });

  it.each(Object.entries(refused))("%s, behind a whole envelope", (_, message) => {
    expectMalformed(() => codec.decode(concat(envelope, message)));
  });

  it("an empty message", () => {
    expectMalformed(() => codec.decode(new Uint8Array(0)));
  });
});

describe("limits end the reading", () => {
  it("the eleventh digit of a length, whatever follows", () => {
    const short = errorOf(() => decode(bytes("12345678901")));
    const long = errorOf(() => decode(concat(bytes("12345678901"), good, good)));
    expect(long.message).toBe(short.message);
    expect(long.message).toBe(errorOf(() => decode(new Uint8Array(2 ** 20).fill(0x31))).message);
  });

  it("the second digit behind a zero", () => {
    expect(errorOf(() => decode(bytes(`00${"0".repeat(1000)}`))).message).toBe(
      errorOf(() => decode(bytes("00"))).message,
    );
  });

  it("the 1,025th part, which is not read", () => {
    let read = 0;
    const unserializerArgs: [Record<string, (text: string) => unknown>] = [{ X: () => ++read }];
    const message = concat(...Array.from({ length: 2000 }, () => part("j", '"X:"')));
    expect(errorOf(() => decode(message, { unserializerArgs })).message).toMatch(/parts/);
    expect(read).toBe(1024);
  });
});

describe("taken", () => {
  it("a part of length 0, of each mark that may be empty", () => {
    expect(decode(bytes("0f\0\x000t\0\0"))).toEqual(["", new Uint8Array(0)]);
    expectMalformed(() => decode(bytes("0j\0\0")));
  });

  it("exactly 1,024 parts, and not one more", () => {
    const most = bytes("0f\0\0".repeat(1024));
    expect(decode(most)).toHaveLength(1024);
    expectMalformed(() => decode(concat(most, bytes("0f\0\0"))));
  });

  it("a leading BOM, which stays", () => {
    for (const text of ["\ufeff", "\ufefftext", `\ufeff${"x".repeat(40)}`]) {
      expect(decode(part("f", text))).toEqual([text]);
      expect(referenceDecode(part("f", text))).toEqual([text]);
    }
  });

  it("0x00 in texts and bytes", () => {
    const data = Uint8Array.from([0, 0x34, 0x66, 0, 0]);
    expect(decode(encode(["\0a\0", data]))).toEqual(["\0a\0", data]);
  });

  it("a message inside a larger buffer", () => {
    const around = concat(bytes("9f\0"), good, bytes("9f\0"));
    expect(decode(around.subarray(3, 3 + good.length))).toEqual(["test"]);
  });
});

describe("the encoder", () => {
  it("writes a lone surrogate as U+FFFD, in short and in long texts", () => {
    expect(hex(encode(["\ud800"]))).toBe("336600efbfbd00");
    expect(hex(encode([`${"x".repeat(30)}\udc00`])).slice(-8)).toBe("efbfbd00");
  });

  it.each<[string, unknown]>([
    ["a Uint8Array", Uint8Array.of(1, 2)],
    ["a part of one", Uint8Array.of(0, 1, 2, 3).subarray(1, 3)],
    ["a Buffer", Buffer.from([1, 2])],
    ["an Int8Array", Int8Array.of(1, 2)],
    ["a Uint16Array", new Uint16Array(Uint8Array.of(1, 2).buffer)],
    ["a DataView", new DataView(Uint8Array.of(0, 1, 2).buffer, 1)],
    ["an ArrayBuffer", Uint8Array.of(1, 2).buffer],
    ["a view of shared memory", new Uint8Array(new SharedArrayBuffer(2)).map((_, i) => i + 1)],
  ])("writes %s as bytes, and the reference reads it", (_, argument) => {
    const message = encode([argument]);
    expect(hex(message)).toBe("327400010200");
    expect(referenceDecode(message)).toEqual([Uint8Array.of(1, 2)]);
  });

  it("writes an ArrayBuffer of another realm as bytes", async () => {
    const { runInNewContext } = await import("node:vm");
    expect(hex(encode([runInNewContext("Uint8Array.of(1, 2).buffer")]))).toBe("327400010200");
  });
});

describe("memory", () => {
  it("bytes that were decoded share nothing with the message, nor hold it", () => {
    const message = encode([Uint8Array.of(1, 2, 3), "x".repeat(100_000)]);
    const [data] = decode(message) as [Uint8Array];
    expect(data.buffer.byteLength).toBe(3);
    message.fill(0);
    expect(data).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("nor do those of a Buffer, whose slice would", () => {
    const message = Buffer.from(encode([Uint8Array.of(1, 2, 3)]));
    const [data] = decode(message) as [Uint8Array];
    message.fill(0);
    expect(data).toEqual(Uint8Array.of(1, 2, 3));
    expect(Buffer.isBuffer(data)).toBe(false);
  });

  it("an encoded message shares nothing with what was sent", () => {
    for (const size of [3, 100_000, 1_000_000]) {
      const data = new Uint8Array(size).fill(1);
      const message = encode([data]);
      const before = hex(message);
      data.fill(2);
      expect(hex(message)).toBe(before);
    }
  });

  it("one large message leaves no large memory behind", () => {
    encode([new Uint8Array(1_000_000)]);
    expect(encode(["x"]).buffer.byteLength).toBeLessThanOrEqual(256 * 1024);
  });
});
