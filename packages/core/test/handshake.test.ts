import { expect, it } from "vitest";
import { createHandshake } from "../src/handshake.js";

it("names become lower case, and repeated headers are joined; cookies by their own mark", () => {
  const { headers } = createHandshake(
    "/",
    [
      ["Host", "a"],
      ["X-Forwarded-For", "1.1.1.1"],
      ["x-forwarded-for", "2.2.2.2"],
      ["Cookie", "a=1"],
      ["COOKIE", "b=2"],
      ["empty", ""],
      ["empty", "x"],
    ],
    "",
  );
  expect([...headers]).toEqual([
    ["host", "a"],
    ["x-forwarded-for", "1.1.1.1, 2.2.2.2"],
    ["cookie", "a=1; b=2"],
    ["empty", ", x"],
  ]);
});

it.each([
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["::FFFF:10.0.0.7", "10.0.0.7"],
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["2001:db8::ffff:10.0.0.7", "2001:db8::ffff:10.0.0.7"],
  ["::ffff:7f00:1", "::ffff:7f00:1"],
  ["", ""],
])("the address %j is %j", (given, address) => {
  expect(createHandshake("/ws?room=1", [], given)).toEqual({
    url: "/ws?room=1",
    headers: new Map(),
    remoteAddress: address,
  });
});
