import { describe, expect, it } from "vitest";
import { accepted, admissionOf, chooseProtocol, hasPath, isAllowedOrigin } from "../src/admission.js";
import { createHandshake } from "../src/handshake.js";

describe("hasPath", () => {
  it.each<[string, string | undefined, boolean]>([
    ["/anything?x", undefined, true],
    ["/ws", "/ws", true],
    ["/ws?room=1", "/ws", true],
    ["/ws?a=/b?c", "/ws", true],
    ["/ws/", "/ws", false],
    ["/ws2", "/ws", false],
    ["/WS", "/ws", false],
    ["/", "/ws", false],
    ["?x", "/", false],
    ["/", "/", true],
  ])("%j has the path %j: %j", (url, path, expected) => {
    expect(hasPath(url, path)).toBe(expected);
  });
});

describe("isAllowedOrigin", () => {
  const list = ["https://app.example.com", "https://other.example.com:8443"];

  it.each([undefined, "https://evil.example"])("%j is allowed where nothing is said", (origin) => {
    expect(isAllowedOrigin(origin, undefined)).toBe(true);
  });

  it.each<[string | undefined, boolean]>([
    ["https://app.example.com", true],
    ["https://other.example.com:8443", true],
    [undefined, true],
    ["https://app.example.com.evil", false],
    ["https://APP.example.com", false],
    ["https://app.example.com:443", false],
    ["http://app.example.com", false],
    ["https://app.example.com/", false],
    ["null", false],
    ["", false],
  ])("%j by a list: %j", (origin, expected) => {
    expect(isAllowedOrigin(origin, list)).toBe(expected);
  });

  it("a predicate sees the origin or undefined, and only true allows", () => {
    const seen: unknown[] = [];
    const given: unknown[] = [true, false, 1, "yes", undefined];
    const answers = given.map((answer) =>
      isAllowedOrigin("o", (origin) => {
        seen.push(origin);
        return answer as boolean;
      }),
    );
    expect(answers).toEqual([true, false, false, false, false]);
    expect(isAllowedOrigin(undefined, (origin) => origin === undefined)).toBe(true);
    expect(seen).toEqual(["o", "o", "o", "o", "o"]);
  });
});

it.each<[string, () => Promise<unknown>]>([
  ["resolves", () => Promise.resolve(true)],
  ["rejects", () => Promise.reject(new Error("failed"))],
])("a promise that %s is no answer", (_, give) => {
  const promising = give as unknown as () => false;
  expect(() => isAllowedOrigin("o", promising)).toThrow(new TypeError("allowedOrigins must not give a promise"));
  const request = createHandshake("/", [["Sec-WebSocket-Protocol", "chat"]], "");
  expect(() => chooseProtocol(request, promising)).toThrow(new TypeError("handleProtocols must not give a promise"));
});

describe("chooseProtocol", () => {
  const offering = (header?: string) =>
    createHandshake("/", header === undefined ? [] : [["Sec-WebSocket-Protocol", header]], "");

  it.each<[string | undefined, string | undefined]>([
    [undefined, undefined],
    ["a", "a"],
    ["a, b", "a"],
    [" b ,a", "b"],
    [", a", "a"],
    ["", undefined],
    [" , ", undefined],
  ])("of %j it takes %j by default", (header, expected) => {
    expect(chooseProtocol(offering(header), undefined)).toBe(expected);
  });

  it("false takes none", () => {
    expect(chooseProtocol(offering("a"), false)).toBeUndefined();
  });

  it("a function chooses among what was offered, or none", () => {
    const handshake = offering("a, b, a");
    expect(
      chooseProtocol(handshake, (offered, request) => {
        expect([...offered]).toEqual(["a", "b"]);
        expect(request).toBe(handshake);
        return "b";
      }),
    ).toBe("b");
    expect(chooseProtocol(handshake, () => false)).toBeUndefined();
    expect(() => chooseProtocol(handshake, () => "c")).toThrow(TypeError);
    expect(
      chooseProtocol(offering(), () => {
        throw new Error("is not asked where nothing was offered");
      }),
    ).toBeUndefined();
  });
});

describe("admissionOf", () => {
  it("true upgrades, a refusal is one", () => {
    expect(admissionOf(true)).toBe(true);
    expect(admissionOf({ status: 401, headers: { "x-why": "no" }, body: "no" })).toMatchObject({
      status: 401,
      headers: { "x-why": "no" },
      body: "no",
    });
    for (const status of [200, 404, 599]) expect(admissionOf({ status })).toMatchObject({ status });
  });

  it.each([
    undefined,
    null,
    0,
    1,
    "true",
    {},
    [],
    { status: "401" },
    { status: 199 },
    { status: 600 },
    { status: 200.5 },
  ])("%j is neither", (answer) => {
    expect(() => admissionOf(answer)).toThrow(TypeError);
  });

  it.each<[string, object]>([
    ["a line break in a value", { a: "b\r\nset-cookie: x" }],
    ["a line feed in a value", { a: "b\nc" }],
    ["a 0x00 in a value", { a: "b\0" }],
    ["a value that is no text", { a: 1 }],
    ["a value above U+00FF", { a: "\u20ac" }],
    ["a line break in a name", { "a\r\nb": "c" }],
    ["a colon in a name", { "a:": "c" }],
    ["an empty name", { "": "c" }],
    ["a space in a name", { "a b": "c" }],
  ])("a header with %s cannot be sent", (_, headers) => {
    expect(() => admissionOf({ status: 401, headers })).toThrow(TypeError);
  });

  it("a body must be a text", () => {
    expect(() => admissionOf({ status: 401, body: 1 })).toThrow(TypeError);
  });

  it("false refuses with 403", () => {
    expect(admissionOf(false)).toMatchObject({ status: 403 });
  });

  it("accepted names the protocol", () => {
    expect(accepted("a")).toEqual({ accepted: true, protocol: "a" });
    expect(accepted(undefined)).toEqual({ accepted: true, protocol: undefined });
  });
});
