import { describe, expect, it } from "vitest";
import { EZEZWebsocketServer } from "../src/index.js";

const isBun = "Bun" in globalThis;

describe.skipIf(isBun)(isBun ? "on Node (skipped: Bun is the runtime)" : "on Node", () => {
  it("can be imported, and says at once what it needs where a server is constructed", () => {
    expect(() => new EZEZWebsocketServer({ port: 0 }, { onAuthRequest: () => true })).toThrow(/needs Bun/);
    expect(() => new EZEZWebsocketServer({}, { onAuthRequest: () => true })).toThrow(/needs Bun/);
  });
});
