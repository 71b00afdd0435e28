import { expect } from "vitest";
import type { Area } from "../area.js";
import { until, within } from "../wait.js";

export const shutdown: Area = ({ it }) => {
  it("close closes every client with 1001, authenticated or not", async (lab) => {
    const running = await lab.start();
    const wires = [await running.authenticated(), await running.authenticated(), await running.open()];
    await within(running.server.close(), "close");
    for (const wire of wires) expect((await wire.closed()).code).toBe(1001);
    await running.called("onDisconnect", 3);
    expect(running.given("onDisconnect").map(([code]) => code)).toEqual([1001, 1001, 1001]);
    expect(running.server.clients).toEqual([]);
  });

  it("every call of close gives the same promise", async (lab) => {
    const running = await lab.start();
    await running.authenticated();
    const first = running.server.close();
    expect(running.server.close({ timeoutMs: 1 })).toBe(first);
    await within(first, "close");
    expect(running.server.close()).toBe(first);
  });

  it("close terminates peers that do not finish the closing handshake in time", async (lab) => {
    const running = await lab.start();
    const stuck = await running.open({ finishesClosing: false });
    await running.authenticated();
    await within(running.server.close({ timeoutMs: 50 }), "close");
    await stuck.gone();
  });

  it("close terminates a peer that reads nothing", async (lab) => {
    const running = await lab.start();
    const { wire, client } = await running.pair({ finishesClosing: false });
    wire.pause();
    const chunk = new Uint8Array(64 * 1024);
    await until(() => client.send("a", [chunk]) === undefined || client.bufferedAmount > 0, "bytes wait");
    await within(running.server.close({ timeoutMs: 50 }), "close");
    expect(client.alive).toBe(false);
  });

  it("after close the port is free, and nobody gets in", async (lab) => {
    const running = await lab.start();
    const { port } = running;
    await within(running.server.close(), "close");
    await expect(running.open()).rejects.toThrow();
    const next = await lab.start({ port });
    await next.authenticated();
  });

  it("address is null after close", async (lab) => {
    const running = await lab.start();
    expect(running.server.address()?.port).toBeGreaterThan(0);
    await within(running.server.close(), "close");
    expect(running.server.address()).toBeNull();
  });

  it("close of a server that was not started resolves, and it cannot be started", async (lab) => {
    const running = lab.construct();
    expect(running.server.address()).toBeNull();
    await within(running.server.close(), "close");
    await expect(running.server.start()).rejects.toMatchObject({ code: "SERVER_CLOSED" });
  });

  it("start after close rejects with SERVER_CLOSED, a second start with ALREADY_STARTED", async (lab) => {
    const running = await lab.start();
    await expect(running.server.start()).rejects.toMatchObject({ code: "ALREADY_STARTED" });
    await running.authenticated();
    await within(running.server.close(), "close");
    await expect(running.server.start()).rejects.toMatchObject({ code: "SERVER_CLOSED" });
  });

  it("start on a port in use rejects with the cause, and the other server goes on", async (lab) => {
    const running = await lab.start();
    const second = lab.construct({ port: running.port });
    await expect(second.server.start()).rejects.toMatchObject({ code: "EADDRINUSE" });
    await running.authenticated();
  });

  it("send and broadcast during close follow sendAfterDisconnect", async (lab) => {
    const quiet = await lab.start();
    const { client } = await quiet.pair();
    const closing = quiet.server.close();
    await until(() => !client.alive, "the client is closed");
    expect(client.send("a", [])).toBeUndefined();
    expect(quiet.server.broadcast("a", [])).toBe(0);
    await within(closing, "close");

    const loud = await lab.start({ sendAfterDisconnect: "throw" });
    const other = await loud.pair();
    const closed = loud.server.close();
    await until(() => !other.client.alive, "the client is closed");
    expect(() => other.client.send("a", [])).toThrow(expect.objectContaining({ code: "DISCONNECTED" }));
    expect(loud.server.broadcast("a", [])).toBe(0);
    await within(closed, "close");
  });

  it("close in a callback works", async (lab) => {
    const running = await lab.start({}, { onMessage: () => void running.server.close() });
    const wire = await running.authenticated();
    wire.event("a");
    expect((await wire.closed()).code).toBe(1001);
    await within(running.server.close(), "close");
  });

  it("a timeoutMs that is no time is refused, and nothing is closed", async (lab) => {
    const running = await lab.start();
    expect(() => running.server.close({ timeoutMs: -1 })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    await running.authenticated();
  });

  it("an upgrade whose onUpgrade settles after close gets 503 or no answer, and becomes no connection", async (lab) => {
    let settle: (answer: true) => void = () => undefined;
    const running = await lab.start({}, { onUpgrade: () => new Promise((resolve) => (settle = resolve)) });
    const wire = running.wire();
    await running.called("onUpgrade");
    const closed = running.server.close();
    settle(true);
    await within(closed, "close");
    const { status } = await wire.response.catch(() => ({ status: "none" }));
    expect([503, "none"]).toContain(status);
    await wire.gone();
    expect(running.count("onDisconnect")).toBe(0);
  });

  it("close resolves although an onUpgrade never settles, and that peer is let go", async (lab) => {
    const running = await lab.start({}, { onUpgrade: () => new Promise(() => undefined) });
    const wire = running.wire();
    await running.called("onUpgrade");
    await within(running.server.close({ timeoutMs: 100 }), "close");
    await wire.gone();
  });

  it("close resolves although others are connected that are no WebSocket", async (lab) => {
    const running = await lab.start();
    const sockets = ["", "GET / HTTP/1.1\r\nHost:", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"].map((text) => {
      const socket = running.connect();
      socket.write(text);
      return socket;
    });
    await running.answersOthers();
    await within(running.server.close({ timeoutMs: 100 }), "close");
    for (const socket of sockets) socket.destroy();
  });
};
