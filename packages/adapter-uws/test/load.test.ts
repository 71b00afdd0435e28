import uWS from "uWebSockets.js";
import { expect, test, vi } from "vitest";
import { EZEZWebsocketServer } from "../src/index.js";

const reason = new Error("Cannot find module './uws_linux_x64_999.node'");

vi.mock("node:module", async (original) => ({
  ...(await original<typeof import("node:module")>()),
  createRequire: () => () => {
    throw reason;
  },
}));

const callbacks = { onAuthRequest: () => true };

test("where uWebSockets.js cannot be loaded, the start says how to install it", async () => {
  const server = new EZEZWebsocketServer({ port: 0 }, callbacks);
  const error: unknown = await server.start().catch((cause) => cause);
  expect(error).toEqual(
    expect.objectContaining({
      code: "UNSUPPORTED_RUNTIME",
      message: expect.stringMatching(/could not be loaded.+npm install uNetworking\/uWebSockets\.js#.+adapter-ws/s),
      cause: reason,
    }),
  );
  await server.close();
});

test("an app of the user's needs no loading", async () => {
  const server = new EZEZWebsocketServer({ app: uWS.App() }, callbacks);
  await server.start();
  await server.close();
});
