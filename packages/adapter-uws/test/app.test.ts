import uWS from "uWebSockets.js";
import { describe, expect, test } from "vitest";
import { gate } from "../../conformance/src/wait.js";
import { requestHttp, upgradeRequest, Wire } from "../../conformance/src/wire.js";
import { create, listenWith, open } from "./harness.js";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe("an app of the user's", () => {
  test("is served on our path, and keeps the rest", async () => {
    const app = uWS.App();
    app.get("/page", (response) => void response.end("page"));
    app.get("/ws", (response) => void response.end("plain"));
    const { server } = create({ app, path: "/ws" });
    await server.start();
    const port = listenWith(app);

    expect(server.app).toBe(app);
    expect(server.address()).toBeNull();
    const wire = await open(port, { path: "/ws?room=1" });
    expect(server.clients).toHaveLength(1);
    expect((await requestHttp(port, get("/page"))).body).toBe("page");
    expect((await requestHttp(port, get("/ws"))).body).toBe("plain");
    // What is there without us.
    expect((await requestHttp(port, get("/other"))).status).toBe(404);
    expect((await requestHttp(port, upgradeRequest(port, { path: "/other" }))).status).toBe(404);
    const bad = upgradeRequest(port, { path: "/ws", headers: { "Sec-WebSocket-Version": "12" } });
    expect((await requestHttp(port, bad)).status).toBe(400);

    await server.close();
    expect(await wire.closed()).toEqual({ code: 1001, reason: "" });
    expect((await requestHttp(port, upgradeRequest(port, { path: "/ws" }))).status).toBe(503);
    expect((await requestHttp(port, get("/page"))).body).toBe("page");
  });

  test("has all upgrades served that no other route takes, where no path is given", async () => {
    const app = uWS.App();
    app.get("/page", (response) => void response.end("page"));
    const { server } = create({ app });
    await server.start();
    const port = listenWith(app);
    await open(port, { path: "/any/where" });
    expect((await requestHttp(port, get("/page"))).body).toBe("page");
  });

  test("answers an upgrade that is not decided on with 503 when ours closes", async () => {
    const app = uWS.App();
    const asked = gate<void>();
    const onUpgrade = (): Promise<true> => {
      asked.open();
      return new Promise(() => undefined);
    };
    const { server } = create({ app }, { onUpgrade });
    await server.start();
    const wire = new Wire(listenWith(app));
    await asked.passed;
    await server.close();
    expect((await wire.response).status).toBe(503);
  });

  test("may listen already, and serve two of ours", async () => {
    const app = uWS.App();
    const port = listenWith(app);
    const one = create({ app, path: "/one" }).server;
    const two = create({ app, path: "/two" }).server;
    await one.start();
    await two.start();
    await open(port, { path: "/one" });
    await open(port, { path: "/two" });
    expect([one.clients.length, two.clients.length]).toEqual([1, 1]);
  });

  test("a path that looks like a pattern of uWS is only itself", async () => {
    const app = uWS.App();
    const { server } = create({ app, path: "/:room" });
    await server.start();
    const port = listenWith(app);
    await open(port, { path: "/:room" });
    const other = new Wire(port, { path: "/lobby" });
    expect((await other.response).status).toBe(404);
    other.destroy();
  });
});
