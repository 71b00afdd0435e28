import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { resolveCodecOptions } from "../src/codec/options.js";
import { encodeParts } from "../src/codec/parts.js";
import { FrameCodec } from "../src/frame.js";
import { decodeParts } from "./codec.js";
import { hex, same } from "./same.js";
import { makeVectors } from "./vectors/make.js";
import { parse } from "./vectors/notation.js";
import { optionsOf, type Vector } from "./vectors/vector.js";

const folder = new URL("./vectors/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (file: string): string => readFileSync(new URL(file, folder), "utf8");
const vectorsOf = (file: string): Vector[] => JSON.parse(read(file)) as Vector[];

it("the files are what the reference encoder makes today", () => {
  const made = makeVectors();
  expect(files.sort()).toEqual(Object.keys(made).sort());
  for (const file of files) expect(read(file) === made[file], file).toBe(true);
});

it("there are at least 150 vectors, with names of their own in their file", () => {
  const all = files.map((file) => vectorsOf(file).map(({ name }) => name));
  for (const names of all) expect(new Set(names).size).toBe(names.length);
  expect(all.flat().length).toBeGreaterThanOrEqual(150);
});

describe.each(files)("%s", (file) => {
  it.each(vectorsOf(file))("$name: the values encode to the bytes", ({ custom, sortProps, values, hex: expected }) => {
    const options = resolveCodecOptions(
      optionsOf({ ...(custom && { custom }), ...(sortProps === false && { sortProps }) }),
    );
    expect(hex(encodeParts(values.map(parse), 0, options))).toBe(expected);
  });

  it.each(vectorsOf(file))("$name: the bytes decode to the values", ({ custom, values, decoded, hex: bytes }) => {
    const options = resolveCodecOptions(optionsOf(custom ? { custom } : {}));
    const actual = decodeParts(Buffer.from(bytes, "hex"), options);
    expect(actual).toSatisfy((parts: unknown[]) => same(parts, (decoded ?? values).map(parse)));
  });
});

describe("messages.json as messages", () => {
  const codec = new FrameCodec();

  it.each(vectorsOf("messages.json"))("$name", ({ values, hex: expected }) => {
    const [eventName, ...rest] = values.map(parse) as [string, ...unknown[]];
    const message = codec.decode(Buffer.from(expected, "hex"));
    expect(message.eventName).toBe(eventName);
    if (message.reserved) {
      expect(same(message.args, rest)).toBe(true);
      expect(hex(codec.encodeReserved(eventName, ...rest))).toBe(expected);
      return;
    }
    const { eventId, replyTo, args } = message;
    expect(same([eventId, replyTo, ...args], rest)).toBe(true);
    expect(hex(codec.encode(eventName, eventId, replyTo, args))).toBe(expected);
  });
});
