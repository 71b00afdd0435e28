import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { encode, encodeFrame, Opcode, Wire } from "@ezez-ws/conformance";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EchoServer, echoServer, theirServer } from "./harness.js";

let http: Server;
let port: number;

beforeEach(async () => {
  ({ http, port } = await theirServer());
});

afterEach(() => {
  http.closeAllConnections();
  http.close();
});

const hand = (server: EchoServer): void => {
  http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    server.handleUpgrade(request, socket, head),
  );
};

describe("noServer", () => {
  it("serves what is passed to handleUpgrade", async () => {
    const { server, closes } = echoServer({ noServer: true });
    await server.start();
    hand(server);
    const wire = await Wire.authenticated(port, { path: "/any" });
    wire.event("ask", "x");
    expect((await wire.next()).at(-1)).toBe("x");
    expect(server.address()).toBeNull();
    await server.close();
    expect((await wire.closed()).code).toBe(1001);
    expect(closes).toEqual([1001]);
    expect(http.listening).toBe(true);
  });

  it("reads the head: what came behind the upgrade request in its segment", async () => {
    const { server } = echoServer({ noServer: true });
    await server.start();
    hand(server);
    const wire = await Wire.open(port, {
      behindUpgrade: Buffer.concat([
        encodeFrame(Opcode.binary, encode("ezez-ws::auth", "key", 1)),
        encodeFrame(Opcode.binary, encode("ask", 1, null, "x")),
      ]),
    });
    expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
    expect((await wire.next()).at(-1)).toBe("x");
    await server.close();
  });

  it("answers what is on another path with 404: it was passed to us", async () => {
    const { server } = echoServer({ noServer: true, path: "/ws" });
    await server.start();
    hand(server);
    expect((await new Wire(port, { path: "/other" }).response).status).toBe(404);
    await Wire.authenticated(port, { path: "/ws" });
    await server.close();
  });

  it("answers with 503 before start and after close", async () => {
    const { server } = echoServer({ noServer: true });
    hand(server);
    expect((await new Wire(port).response).status).toBe(503);
    await server.start();
    await Wire.authenticated(port);
    await server.close();
    expect((await new Wire(port).response).status).toBe(503);
  });

  it("takes a socket that has ended meanwhile", async () => {
    const { server, errors } = echoServer({ noServer: true });
    await server.start();
    http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.destroy();
      server.handleUpgrade(request, socket, head);
    });
    await new Wire(port).response.catch(() => undefined);
    expect(errors).toEqual([]);
    expect(server.clients).toEqual([]);
    await server.close();
  });
});
