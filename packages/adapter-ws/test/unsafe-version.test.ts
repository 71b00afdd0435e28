import { expect, it, vi } from "vitest";
import { notOnBun, onBun } from "./harness.js";

// The last release before the limit on answers to pings, itself.
// @ts-expect-error There are no declarations under this name.
vi.mock("ws", () => import("ws-unsafe"));

it.skipIf(onBun)(`a ws that lets any peer fill the memory is refused${notOnBun("Bun's ws is not it")}`, async () => {
  const { EZEZWebsocketServer } = await import("../src/index.js");
  const construct = () => new EZEZWebsocketServer({ noServer: true }, { onAuthRequest: () => true });
  expect(construct).toThrow(
    expect.objectContaining({ code: "UNSAFE_VERSION", message: expect.stringContaining("install ws 8.23") }),
  );
});
