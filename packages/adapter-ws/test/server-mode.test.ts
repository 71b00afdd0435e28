import { once } from "node:events";
import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { requestHttp, until, Wire } from "@ezez-ws/conformance";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { echoServer, get, theirServer } from "./harness.js";

let http: Server;
let port: number;

beforeEach(async () => {
  ({ http, port } = await theirServer());
});

afterEach(() => {
  http.closeAllConnections();
  http.close();
});

const asks = async (wire: Wire): Promise<void> => {
  const eventId = wire.event("ask", "x");
  expect((await wire.next()).slice(2)).toEqual([eventId, "x"]);
};

describe("an HTTP server of the user's", () => {
  it("serves our upgrades, while its own requests are its own", async () => {
    const { server } = echoServer({ server: http, path: "/ws" });
    await server.start();
    const wire = await Wire.authenticated(port, { path: "/ws?room=1" });
    await asks(wire);
    for (const path of ["/", "/ws"]) {
      const { status, body } = await requestHttp(port, get(path));
      expect([status, body]).toEqual([200, "theirs"]);
    }
    await server.close();
  });

  it("serves upgrades of every path where we have none", async () => {
    const { server } = echoServer({ server: http });
    await server.start();
    await asks(await Wire.authenticated(port, { path: "/any/where" }));
    await server.close();
  });

  it("keeps what is not ours: upgrades of other paths reach the user's own listener alone", async () => {
    const theirs: string[] = [];
    http.on("upgrade", (request, socket: Duplex) => {
      if (request.url === "/ws") return;
      theirs.push(request.url ?? "");
      socket.end("HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
    });
    const { server } = echoServer({ server: http, path: "/ws" });
    await server.start();
    expect((await new Wire(port, { path: "/theirs" }).response).status).toBe(418);
    await asks(await Wire.authenticated(port, { path: "/ws" }));
    expect(theirs).toEqual(["/theirs"]);
    await server.close();
  });

  it("has no listener of ours before start and after close, and runs on", async () => {
    const before = counts(http);
    const { server, closes } = echoServer({ server: http });
    expect(counts(http)).toEqual(before);
    await server.start();
    const wires = [await Wire.authenticated(port), await Wire.open(port)];
    expect(http.listenerCount("upgrade")).toBe(1);
    await server.close();
    for (const wire of wires) expect((await wire.closed()).code).toBe(1001);
    expect(closes).toEqual([1001, 1001]);
    expect(counts(http)).toEqual(before);
    expect(http.listening).toBe(true);
    expect((await requestHttp(port, get())).body).toBe("theirs");
  });

  it("has no more listeners for connections that have come and gone", async () => {
    const { server, closes } = echoServer({ server: http });
    await server.start();
    const before = counts(http);
    for (let i = 1; i <= 20; i++) {
      const wire = await Wire.authenticated(port);
      wire.close(1000);
      await wire.closed();
      await until(() => closes.length === i, "it has left");
    }
    expect(counts(http)).toEqual(before);
    await server.close();
  });

  it("may serve two of ours, each on its path", async () => {
    const one = echoServer({ server: http, path: "/one" });
    const two = echoServer({ server: http, path: "/two" });
    await one.server.start();
    await two.server.start();
    const first = await Wire.authenticated(port, { path: "/one" });
    const second = await Wire.authenticated(port, { path: "/two" });
    expect([one.server.clients.length, two.server.clients.length]).toEqual([1, 1]);
    await one.server.close();
    expect((await first.closed()).code).toBe(1001);
    await asks(second);
    await two.server.close();
  });

  it("may be given to two of ours on one path by mistake, which does not end the process", async () => {
    const one = echoServer({ server: http });
    const two = echoServer({ server: http });
    await one.server.start();
    await two.server.start();
    const wire = new Wire(port);
    await until(() => one.errors.length + two.errors.length > 0, "the mistake was reported");
    expect([...one.errors, ...two.errors].map(({ code }) => code)).toEqual(["TRANSPORT_ERROR"]);
    wire.destroy();
    await Promise.all([one.server.close(), two.server.close()]);
  });

  it("has its own address: ours is null", async () => {
    const { server } = echoServer({ server: http });
    await server.start();
    expect(server.address()).toBeNull();
    await server.close();
  });

  it("may listen after start", async () => {
    http.close();
    await once(http, "close");
    const { server } = echoServer({ server: http });
    await server.start();
    http.listen(port, "127.0.0.1");
    await once(http, "listening");
    await asks(await Wire.authenticated(port));
    await server.close();
  });

  it("keeps running where an upgrade is pending while ours closes, and the peer is let go", async () => {
    const { server } = echoServer({ server: http }, { onUpgrade: () => new Promise(() => undefined) });
    await server.start();
    const wire = new Wire(port);
    await until(() => http.listenerCount("upgrade") === 1, "ours listens");
    await new Promise<void>((resolve) => http.getConnections(() => resolve()));
    await server.close({ timeoutMs: 100 });
    wire.destroy();
    expect((await requestHttp(port, get())).body).toBe("theirs");
  });
});

const counts = (server: Server): Record<string, number> =>
  Object.fromEntries(server.eventNames().map((name) => [String(name), server.listenerCount(name)]));
