import { connect } from "node:net";
import { upgradeRequest, Wire, within } from "@ezez-ws/conformance";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echoServer, onBun } from "./harness.js";

// The server gives a peer 10 s for its request, and looks every second.
const ENDED_MS = 15_000;
const TIMEOUT_MS = 20_000;
// A request takes three times as long.
const DRIP_MS = 200;
// Bun may end the connection without an answer.
const TOO_LATE = onBun ? /^(HTTP\/1\.1 408 |$)/ : /^HTTP\/1\.1 408 /;

const { server } = echoServer({ port: 0, host: "127.0.0.1" });
let port: number;
beforeAll(async () => {
  await server.start();
  port = server.address()?.port ?? 0;
});
afterAll(() => server.close());

/** What the server says to a peer that sends the one at once and the other byte by byte, until it ends the connection. */
const drip = async (atOnce: string, bytes: string): Promise<string> => {
  const socket = connect(port, "127.0.0.1");
  socket.write(atOnce);
  let said = "";
  let at = 0;
  const dripping = setInterval(() => socket.write(bytes.slice(at, ++at)), DRIP_MS);
  socket.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  // Its bytes may come where nobody reads any more.
  socket.on("error", () => undefined);
  try {
    await within(new Promise((resolve) => socket.on("close", resolve)), "the end of the connection", ENDED_MS);
    return said;
  } finally {
    clearInterval(dripping);
    socket.destroy();
  }
};

describe.concurrent("a peer that takes too long over its request is ended", { timeout: TIMEOUT_MS }, () => {
  it("where it drips, and others stay", async () => {
    const other = await Wire.authenticated(port);
    expect(await drip("", upgradeRequest(port))).toMatch(TOO_LATE);
    other.event("ask", "still here");
    expect((await other.next()).slice(3)).toEqual(["still here"]);
    other.destroy();
  });

  it("where it says nothing", async () => {
    expect(await drip("", "")).toMatch(TOO_LATE);
  });

  it("where the body of a request never ends", async () => {
    const head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
    expect(await drip(head, "x".repeat(1000))).toMatch(/^HTTP\/1\.1 426 /);
  });
});
