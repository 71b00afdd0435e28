import { serializeToBuffer } from "@ezez/utils";
import { FrameCodec } from "@ezez-ws/core";
import { expect, test } from "vitest";
import { blocks, read } from "./documents.js";

const examples = blocks(read("docs/protocol.md"), "message").map((block) => {
  const [source = "", hex = ""] = block.trim().split("\n");
  // The values are written as JavaScript, so that bigint, undefined and bytes can stand there.
  const values = new Function("bytes", `return ${source}`)((...bytes: number[]) => Buffer.from(bytes)) as unknown[];
  return { source, values, hex: hex.replaceAll(" ", "") };
});

test("docs/protocol.md has examples", () => expect(examples.length).toBeGreaterThan(5));

test.each(examples)("docs/protocol.md: $source is these bytes", ({ values, hex }) => {
  expect(serializeToBuffer(Buffer, [], ...values).toString("hex")).toBe(hex);
  const [eventName, ...rest] = values as [string, ...unknown[]];
  const codec = new FrameCodec();
  if (eventName.startsWith("ezez-ws::")) {
    expect(Buffer.from(codec.encodeReserved(eventName, ...rest)).toString("hex")).toBe(hex);
    expect(codec.decode(Buffer.from(hex, "hex"))).toEqual({ reserved: true, eventName, args: rest });
  } else {
    const [eventId, replyTo, ...args] = rest as [number, number | null, ...unknown[]];
    expect(Buffer.from(codec.encode(eventName, eventId, replyTo, args)).toString("hex")).toBe(hex);
    const owned = args.map((arg) => (Buffer.isBuffer(arg) ? new Uint8Array(arg) : arg));
    expect(codec.decode(Buffer.from(hex, "hex"))).toEqual({
      reserved: false,
      eventName,
      eventId,
      replyTo,
      args: owned,
    });
  }
});
