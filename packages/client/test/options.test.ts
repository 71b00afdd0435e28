import { type ClientCallbacks, type ClientOptions, type EZEZError, EZEZWebSocketClient } from "@ezez-ws/client";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import { FakeWebSocket } from "./fake-web-socket.js";
import { type AnyEvents, notOnBun, onBun } from "./harness.js";
import { encode } from "./raw-server.js";

const URL_OF_NOBODY = "ws://127.0.0.1:9";

const naming = (name: string) =>
  expect.objectContaining({ name: "EZEZError", code: "INVALID_OPTION", message: expect.stringContaining(name) });

beforeEach(() => {
  FakeWebSocket.made = [];
});

describe("an option out of range throws from the constructor, with its name, and nothing is opened:", () => {
  it.each<[name: string, ...values: unknown[]]>([
    ["auth", 5, true, {}],
    ["autoReconnect", "yes", 1, null],
    ["sendWhenNotConnected", "queue", null],
    ["unknownMessages", "throw", null, true],
    ["unknownDataType", "throw", null, true],
    ["clearAwaitingRepliesAfterMs", 0, -1, 0.5, Number.NaN, Infinity, 2 ** 31, "1"],
    ["maxAwaitingReplies", 0, -1, 0.5, "1"],
    ["heartbeatIntervalMs", -1, 0.5, Infinity, "1"],
    ["maxBigIntLength", 0, -1, 0.5],
    ["serializerArgs", {}, [{ s: () => null }], [{ "a:b": () => null }], [{ "": () => null }]],
    ["unserializerArgs", {}, [{ n: () => null }], [{ date: 5 }]],
    ["WSConstructor", "ws", {}],
  ])("%s", (name, ...values) => {
    for (const value of values) {
      const options = { WSConstructor: FakeWebSocket, [name]: value } as ClientOptions;
      expect(() => new EZEZWebSocketClient(URL_OF_NOBODY, undefined, options)).toThrow(naming(name));
    }
    expect(FakeWebSocket.made).toEqual([]);
  });

  it.each([null, 5])("options or callbacks that are %o", (value) => {
    const none = value as unknown as object;
    expect(() => new EZEZWebSocketClient(URL_OF_NOBODY, undefined, none)).toThrow(naming("options"));
    expect(() => new EZEZWebSocketClient(URL_OF_NOBODY, undefined, {}, none)).toThrow(naming("callbacks"));
  });

  it("a callback that is no function", () => {
    const callbacks = { onAuthOk: "yes" as unknown as () => void };
    expect(() => new EZEZWebSocketClient(URL_OF_NOBODY, undefined, {}, callbacks)).toThrow(naming("onAuthOk"));
  });
});

describe("the callbacks", () => {
  it("may be methods of an object that has other properties, and are called as such", () => {
    class App implements ClientCallbacks<AnyEvents> {
      readonly name = "app";
      readonly onSomethingElse = 5;
      readonly seen: string[] = [];
      onConnect(): void {
        this.seen.push("onConnect");
        throw new Error("boom");
      }
      onMessage(eventName: string): void {
        this.seen.push(eventName);
      }
      onError({ stage }: EZEZError): void {
        this.seen.push(`${stage} of ${this.name}`);
      }
    }
    const app = new App();
    const client = new EZEZWebSocketClient<AnyEvents>(URL_OF_NOBODY, undefined, { WSConstructor: FakeWebSocket }, app);
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(encode("event", 1, null));
    expect(app.seen).toEqual(["onConnect", "onConnect of app", "event"]);
    client.close();
  });

  it("are checked also as methods of a class", () => {
    class App {
      get onError() {
        return 5;
      }
    }
    const callbacks = new App() as unknown as ClientCallbacks<AnyEvents>;
    expect(() => new EZEZWebSocketClient(URL_OF_NOBODY, undefined, {}, callbacks)).toThrow(naming("onError"));
  });
});

describe("options", () => {
  it("are the defaults where they are undefined, and at the ends of their ranges", () => {
    const undefinedOptions = Object.fromEntries(
      ["auth", "autoReconnect", "sendWhenNotConnected", "maxAwaitingReplies", "unknownMessages"].map((name) => [
        name,
        undefined,
      ]),
    );
    const all: ClientOptions[] = [
      undefinedOptions,
      { heartbeatIntervalMs: 0, clearAwaitingRepliesAfterMs: 1, maxAwaitingReplies: Infinity },
      { clearAwaitingRepliesAfterMs: 2 ** 31 - 1, maxAwaitingReplies: 1, maxBigIntLength: Infinity },
    ];
    for (const options of all) {
      new EZEZWebSocketClient(URL_OF_NOBODY, undefined, { ...options, WSConstructor: FakeWebSocket }).close();
    }
    expect(FakeWebSocket.made).toHaveLength(3);
  });
});

describe("a bad url or subprotocol", () => {
  it.each([
    ["not a url", undefined],
    ["gopher://host", undefined],
    ["ws://host/#fragment", undefined],
    [URL_OF_NOBODY, ["same", "same"]],
    [URL_OF_NOBODY, "not a token"],
  ])("throws from the constructor: %s, %s", (url, protocols) => {
    const onError = vi.fn();
    const make = () => new EZEZWebSocketClient(url, protocols, { WSConstructor: NodeWebSocket }, { onError });
    expect(make).toThrow(naming("url or protocols"));
    expect(onError).not.toHaveBeenCalled();
  });

  it.each([
    ["not a url", undefined],
    ["gopher://host", undefined],
    ["ws://host/#fragment", undefined],
    [URL_OF_NOBODY, ["same", "same"]],
    [URL_OF_NOBODY, "not a token"],
  ])("throws from the constructor also where ws has still to be imported: %s, %s", (url, protocols) => {
    expect(() => new EZEZWebSocketClient(url, protocols)).toThrow(naming("url or protocols"));
  });

  it.each(["ws", "wss", "http", "https", ...(onBun ? [] : ["ws+unix"])])("is none with the scheme %s", (scheme) => {
    new EZEZWebSocketClient(`${scheme}://127.0.0.1:9`, ["chat", "v1.x"]).close();
  });

  const ofWs = "is reported and not retried where only the imported ws sees it";
  it.skipIf(onBun)(`${ofWs}${notOnBun("ws is not imported there")}`, async () => {
    const onError = vi.fn();
    const options = { wsConstructorExtraArg: { protocolVersion: 5 } };
    const client = new EZEZWebSocketClient(URL_OF_NOBODY, undefined, options, { onError });
    client.send("event", []);
    await vi.waitFor(() => expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "CONNECT_FAILED" })));
    expect(client.send("event", [])).toBeUndefined();
  });
});

describe("maxBigIntLength", () => {
  it("limits what is sent", () => {
    const client = new EZEZWebSocketClient(URL_OF_NOBODY, undefined, {
      WSConstructor: FakeWebSocket,
      maxBigIntLength: 3,
    });
    client.send("event", [999n]);
    expect(() => client.send("event", [1000n])).toThrow(expect.objectContaining({ code: "NOT_SERIALIZABLE" }));
    client.close();
  });
});
