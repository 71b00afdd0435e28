import { describe, expect, it } from "vitest";
import { FrameCodec } from "../src/frame.js";

const codec = new FrameCodec();

const roundTrip = (value: unknown): unknown => {
  const message = codec.decode(codec.encode("event", 1, null, [value]));
  return message.args[0];
};

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];

describe("keys that come again", () => {
  it("are read as they are, many more than are remembered, in any order", () => {
    const keys = LETTERS.flatMap((a) => LETTERS.flatMap((b) => [`${a}${b}`, `${a}${b}0`]));
    for (const order of [keys, [...keys].reverse(), keys.flatMap((key) => [key, key])]) {
      const read = order.map((key) => Object.keys(roundTrip({ [key]: 1 }) as object)[0]);
      expect(read.join()).toBe(order.join());
    }
  });

  it("are told apart by every byte, and by their length", () => {
    const all = [
      "",
      "a",
      "b",
      "ab",
      "ba",
      "abc",
      "abd",
      "acc",
      "bbc",
      "\u00e9",
      "e\u00e9",
      "\u00e9e",
      "a".repeat(24),
      "a".repeat(25),
    ];
    for (let round = 0; round < 3; round++) {
      for (const key of all) expect(Object.keys(roundTrip({ [key]: 1 }) as object)).toEqual([key]);
    }
  });

  it("are still checked: broken UTF-8, control characters and __proto__ are refused each time", () => {
    const message = (key: string): Uint8Array => {
      const json = `{"${key}":"n:1"}`;
      return Buffer.from(
        `1f\0e\0${'"n:1"'.length}j\0"n:1"\0${'"l:"'.length}j\0"l:"\0${json.length}j\0${json}\0`,
        "latin1",
      );
    };
    expect(codec.decode(message("key")).args).toEqual([{ key: 1 }]);
    for (let round = 0; round < 3; round++) {
      for (const key of ["ke\xff", "ke\x01", "__proto__"]) expect(() => codec.decode(message(key))).toThrow();
    }
  });
});
