import { describe, expect, it } from "vitest";
import { EZEZWebsocketServer } from "../src/index.js";

const isBun = "Bun" in globalThis;

describe.skipIf(isBun)(isBun ? "on Node (skipped: Bun is the runtime)" : "on Node", () => {
  it("can be imported, and says at once what it needs where a server is constructed", () => {
    for (const options of [{ port: 0 }, {}]) {
      expect(() => new EZEZWebsocketServer(options, { onAuthRequest: () => true })).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED_RUNTIME", message: expect.stringContaining("needs Bun") }),
      );
    }
  });
});
