import { expect, it } from "vitest";
import { FrameCodec } from "../src/frame.js";
import { errorOf } from "./codec.js";
import { referenceDecode } from "./reference.js";
import { hex } from "./same.js";

const codec = new FrameCodec();

it("encodes and decodes the messages of the protocol", () => {
  const ping = "3466 00 70696e67 00 356a 00 226e3a3722 00 346a 00 226c3a22 00 3566 00 68656c6c6f 00".replaceAll(
    " ",
    "",
  );
  expect(hex(codec.encode("ping", 7, null, ["hello"]))).toBe(ping);
  expect(codec.decode(Buffer.from(ping, "hex"))).toEqual({
    reserved: false,
    eventName: "ping",
    eventId: 7,
    replyTo: null,
    args: ["hello"],
  });
  const auth = codec.encodeReserved("ezez-ws::auth", "key", 1);
  expect(hex(auth)).toBe("31336600657a657a2d77733a3a617574680033660" + "06b657900356a00226e3a312200");
  expect(codec.decode(auth)).toEqual({ reserved: true, eventName: "ezez-ws::auth", args: ["key", 1] });
});

it("a hole among the arguments is undefined", () => {
  // biome-ignore lint/suspicious/noSparseArray: what is tested
  expect(referenceDecode(codec.encode("e", 1, null, [, 1]))).toEqual(["e", 1, null, undefined, 1]);
});

it.each(["", "n".repeat(257), "\u00e9".repeat(129), "ezez-ws::", "ezez-ws::auth", "ezez-ws::x"])(
  "the name %j cannot be sent",
  (eventName) => {
    expect(errorOf(() => codec.encode(eventName, 1, null, []))).toMatchObject({
      code: "INVALID_EVENT_NAME",
      message: expect.stringContaining("1 to 256 bytes"),
      stage: "encode",
    });
  },
);

it.each([undefined, null, 1, {}, Symbol("x"), ["e"]])("a name that is no text cannot be sent: %o", (eventName) => {
  expect(errorOf(() => codec.encode(eventName as string, 1, null, [])).code).toBe("INVALID_EVENT_NAME");
});

it.each(["n".repeat(256), "\u00e9".repeat(128), "*", "ezez-ws:", "EZEZ-WS::x", " ezez-ws::x", "__proto__"])(
  "the name %j can",
  (eventName) => {
    expect(codec.decode(codec.encode(eventName, 1, 2, []))).toMatchObject({ eventName, replyTo: 2 });
  },
);

it.each([
  "\u007f",
  "\u0080",
  "\u07ff",
  "\u0800",
  "\u0800\u0800",
  "\uffff\uffff",
  "\ud800\udc00",
  "\udbff\udfff",
  "\ud800",
  "\udc00\udc00",
  "\ud800\u0800",
  "\ud800\ue000",
  "\u0800\udc00",
])("a name with %j can have as many bytes as one of ASCII, and not one more", (text) => {
  const longest = text.padEnd(text.length + 256 - Buffer.byteLength(text), "n");
  codec.encode(longest, 1, null, []);
  expect(errorOf(() => codec.encode(`${longest}n`, 1, null, [])).code).toBe("INVALID_EVENT_NAME");
});

it("1,021 arguments can be sent, one more cannot", () => {
  const most = new Array<string>(1021).fill("");
  expect(codec.decode(codec.encode("e", 1, null, most)).args).toHaveLength(1021);
  expect(errorOf(() => codec.encode("e", 1, null, [...most, ""]))).toMatchObject({
    code: "NOT_SERIALIZABLE",
    message: expect.stringContaining("1021"),
    stage: "encode",
  });
});

it.each([null, 1, "x", {}, new Uint8Array(1)])("arguments that are no array cannot be sent: %o", (args) => {
  expect(errorOf(() => codec.encode("e", 1, null, args as unknown as unknown[]))).toMatchObject({
    code: "NOT_SERIALIZABLE",
    message: expect.stringContaining("array"),
    stage: "encode",
  });
});

it("the path of an argument counts from the first of them", () => {
  expect(errorOf(() => codec.encode("e", 1, null, ["x", { a: [() => 1] }])).message).toMatch(/^args\[1\]\.a\[0\]: /);
  expect(errorOf(() => codec.encodeReserved("ezez-ws::auth", { a: () => 1 })).message).toMatch(/^args\[0\]\.a: /);
});
