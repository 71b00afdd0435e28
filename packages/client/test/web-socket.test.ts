import { EZEZWebSocketClient } from "@ezez-ws/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeWebSocket } from "./fake-web-socket.js";
import { notOnBun, onBun, setUp } from "./harness.js";
import { encode } from "./raw-server.js";

const { connect } = setUp();

beforeEach(() => {
  FakeWebSocket.made = [];
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const message = encode("event", 1, null, "text");
const sharedView = new Uint8Array(Buffer.concat([Buffer.alloc(3), message, Buffer.alloc(3)])).subarray(3, -3);

describe("what a WebSocket may deliver", () => {
  it.each<[string, unknown]>([
    ["an ArrayBuffer", new Uint8Array(message).buffer],
    ["a Uint8Array", new Uint8Array(message)],
    ["a view of a part of a buffer", sharedView],
    ["a Buffer, as ws does", message],
    ["a DataView", new DataView(new Uint8Array(message).buffer)],
  ])("is %s: read for what it is, whatever the classes are called", (_name, data) => {
    const { journal } = connect({ WSConstructor: FakeWebSocket });
    expect(FakeWebSocket.last.binaryType).toBe("arraybuffer");
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(data);
    expect(journal.named("onMessage")[0]?.slice(0, 2)).toEqual(["event", ["text"]]);
  });

  it("is owned by the receiver: a buffer used again changes no argument", () => {
    const { journal } = connect({ WSConstructor: FakeWebSocket });
    const bytes = new Uint8Array(encode("event", 1, null, Buffer.from([1, 2, 3])));
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(bytes);
    bytes.fill(0);
    expect(journal.named("onMessage")[0]?.[1]).toEqual([new Uint8Array([1, 2, 3])]);
  });

  const strange = [null, undefined, 5, {}, [message], new Blob(["text"])];

  it("is ignored by default where it is neither text nor binary", () => {
    const { client, journal } = connect({ WSConstructor: FakeWebSocket });
    FakeWebSocket.last.open();
    for (const data of strange) FakeWebSocket.last.receive(data);
    expect(journal.entries).toEqual([["onConnect"]]);
    expect(client.alive).toBe(true);
  });

  it('is reported then with unknownDataType: "error"', () => {
    const { client, journal } = connect({ WSConstructor: FakeWebSocket, unknownDataType: "error" });
    FakeWebSocket.last.open();
    for (const data of strange) FakeWebSocket.last.receive(data);
    expect(journal.named("onError").map(([error]) => (error as { cause: unknown }).cause)).toEqual(strange);
    expect(client.alive).toBe(true);
  });

  it("goes to a function then, whose failure is reported", async () => {
    const unknownDataType = vi.fn().mockRejectedValue(new Error("boom"));
    const { journal } = connect({ WSConstructor: FakeWebSocket, unknownDataType });
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(5);
    expect(unknownDataType).toHaveBeenCalledWith(5);
    expect((await journal.call("onError"))[0]).toMatchObject({ code: "CALLBACK_FAILED", stage: "unknownDataType" });
  });

  it("is dropped after the end", () => {
    const { client, journal } = connect({ WSConstructor: FakeWebSocket, unknownDataType: "error" });
    const socket = FakeWebSocket.last;
    socket.open();
    client.close();
    socket.open();
    socket.receive(message);
    socket.receive("text");
    socket.receive(5);
    socket.emit("error");
    expect(journal.entries).toEqual([["onConnect"]]);
  });
});

describe("a browser's WebSocket", () => {
  it("tells no cause, and an error is reported without one", () => {
    const { journal } = connect({ WSConstructor: FakeWebSocket });
    FakeWebSocket.last.emit("error");
    FakeWebSocket.last.end(1006);
    expect(journal.named("onError")[0]?.[0]).toMatchObject({ code: "CONNECT_FAILED", message: "could not connect" });
  });

  it("allows scripts no 1002, so the peer sees 4002, and the application 1002", async () => {
    class Browser extends FakeWebSocket {
      override close(code?: number, reason?: string): void {
        if (code !== 1000 && !(code !== undefined && code >= 3000 && code <= 4999)) {
          throw new DOMException("invalid code", "InvalidAccessError");
        }
        super.close(code, reason);
      }
    }
    const { journal } = connect({ WSConstructor: Browser });
    const socket = FakeWebSocket.last;
    socket.open();
    socket.receive(new Uint8Array([1]));
    expect(socket.closes).toEqual([[4002, "a length is broken"]]);
    expect(await journal.call("onDisconnect")).toEqual([1002, "a length is broken"]);
  });

  it("announces the end of a connection with an error that says nothing, which is none", () => {
    const { journal } = connect({ WSConstructor: FakeWebSocket });
    FakeWebSocket.last.open();
    FakeWebSocket.last.emit("error");
    FakeWebSocket.last.emit("error", { message: "", error: new TypeError("") });
    expect(journal.errors).toEqual([]);
    FakeWebSocket.last.emit("error", { message: "reset", error: null });
    expect(journal.named("onError")[0]?.[0]).toMatchObject({ code: "TRANSPORT_ERROR", message: "reset" });
  });

  it("is the global one, looked up when connecting", () => {
    if (!onBun) vi.stubGlobal("Bun", {});
    vi.stubGlobal("WebSocket", FakeWebSocket);
    const client = new EZEZWebSocketClient("ws://host/path", ["a"], { wsConstructorExtraArg: "extra" });
    expect(FakeWebSocket.last).toMatchObject({ url: "ws://host/path", protocols: ["a"], extra: "extra" });
    expect(client.client).toBe(FakeWebSocket.last);
    client.close();
  });

  it("gives way to WSConstructor", () => {
    class Given extends FakeWebSocket {}
    if (!onBun) vi.stubGlobal("Bun", {});
    vi.stubGlobal("WebSocket", FakeWebSocket);
    connect({ WSConstructor: Given });
    expect(FakeWebSocket.last).toBeInstanceOf(Given);
  });
});

describe("where there is no WebSocket and no ws", () => {
  it.skipIf(onBun)(
    `one CONNECT_FAILED says what to do, and nothing is retried${notOnBun("Bun has both")}`,
    async () => {
      vi.stubGlobal("WebSocket", undefined);
      vi.resetModules();
      vi.doMock("ws", () => {
        throw new Error("Cannot find package");
      });
      const timeouts = vi.spyOn(globalThis, "setTimeout");
      const { client, journal } = connect();
      client.send("event", []);
      const [error] = await journal.call("onError");
      expect(error).toMatchObject({
        code: "CONNECT_FAILED",
        message: "no WebSocket here: install ws, or pass WSConstructor",
      });
      expect(client.send("event", [])).toBeUndefined();
      expect(timeouts.mock.calls.filter(([, ms]) => (ms ?? 0) < 1000)).toEqual([]);
      vi.doUnmock("ws");
    },
  );
});
