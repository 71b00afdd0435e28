import { gate, requestHttp, Wire } from "@ezez-ws/conformance";
import { expect, it } from "vitest";
import { createServer, describeOnBun, keep } from "./harness.js";

const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** A `Bun.serve` as a user would write it: `/page` is its own, the rest goes to ezez-ws. */
const serve = (...[options = {}, callbacks]: Partial<Parameters<typeof createServer>>) => {
  const ezez = createServer(options, callbacks);
  const bun = Bun.serve({
    port: 0,
    fetch: (request, server) => {
      if (new URL(request.url).pathname === "/page") return new Response("theirs");
      return ezez.server.upgrade(request, server);
    },
    websocket: ezez.server.websocket,
  });
  keep({ close: () => bun.stop(true) });
  return { ...ezez, bun, port: bun.port ?? 0 };
};

describeOnBun("a server of the user's", () => {
  it("serves what upgrade() is given, and leaves the rest to the user", async () => {
    const { server, port } = serve();
    await server.start();
    expect([server.server, server.address()]).toEqual([null, null]);
    const wire = await Wire.authenticated(port, { path: "/anything?x=1" });
    expect(server.clients[0]?.request).toMatchObject({ url: "/anything?x=1", remoteAddress: "127.0.0.1" });
    const id = wire.event("echo", 1n);
    expect(await wire.next()).toEqual(["echo", expect.any(Number), id, 1n]);
    expect((await requestHttp(port, get("/page"))).body).toBe("theirs");
    wire.destroy();
  });

  it("upgrade() answers 404 for another path, and 426 for what is no upgrade", async () => {
    const { server, port } = serve({ path: "/ws" });
    await server.start();
    expect((await new Wire(port, { path: "/other" }).response).status).toBe(404);
    expect((await requestHttp(port, get("/other"))).status).toBe(404);
    expect((await requestHttp(port, get("/ws"))).status).toBe(426);
    (await Wire.authenticated(port, { path: "/ws" })).destroy();
  });

  it("upgrade() answers 503 before start and after close, and the user's server goes on", async () => {
    const { server, port, ended } = serve();
    expect((await new Wire(port).response).status).toBe(503);
    await server.start();
    const wire = await Wire.authenticated(port);
    await server.close();
    expect(await wire.closed()).toEqual({ code: 1001, reason: "" });
    expect(ended).toEqual([[1001, ""]]);
    expect((await new Wire(port).response).status).toBe(503);
    expect((await requestHttp(port, get("/page"))).body).toBe("theirs");
  });

  it("an upgrade that is not decided on gets 503 at close", async () => {
    const asked = gate<void>();
    const onUpgrade = (): Promise<true> => {
      asked.open();
      return new Promise(() => undefined);
    };
    const { server, port } = serve({}, { onUpgrade });
    await server.start();
    const wire = new Wire(port);
    await asked.passed;
    await server.close();
    expect((await wire.response).status).toBe(503);
  });

  it("start rejects the second time, and after close", async () => {
    const { server } = serve();
    await server.start();
    await expect(server.start()).rejects.toMatchObject({ code: "ALREADY_STARTED" });
    await server.close();
    await expect(server.start()).rejects.toMatchObject({ code: "SERVER_CLOSED" });
  });
});
