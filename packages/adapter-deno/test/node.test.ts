import { EZEZWebsocketServer } from "@ezez-ws/adapter-deno";
import { describe, expect, test } from "vitest";

describe.skipIf("Deno" in globalThis)("outside Deno", () => {
  test("the constructor says which runtime it needs, and what to use on Node", () => {
    expect(() => new EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => true })).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED_RUNTIME",
        message: "@ezez-ws/adapter-deno needs Deno; on Node use @ezez-ws/adapter-ws",
      }),
    );
  });
});
