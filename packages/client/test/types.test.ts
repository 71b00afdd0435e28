import type {
  ClientCallbacks,
  ClientOptions,
  ClientReply,
  EZEZError,
  EZEZWebSocketClient,
  Ids,
  OnCallback,
  WebSocketConstructor,
  WebSocketLike,
} from "@ezez-ws/client";
import { describe, expectTypeOf, it } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";

type FromServer = { welcome: [name: string]; count: [value: number, exact?: boolean]; bye: [] };
type FromClient = { greet: [name: string]; ask: [question: string, urgent: boolean]; leave: [] };
type Client = EZEZWebSocketClient<FromServer, FromClient>;

// Never called: the compiler reads it, by way of test/tsconfig.json.
const compiled = (client: Client): void => {
  // What must compile
  client.send("greet", ["Ann"]);
  client.send("leave");
  client.send("leave", []);
  client.send("leave", undefined, () => undefined);
  client.send("ask", ["why", true], (eventName, args, reply, ids) => {
    expectTypeOf(reply).toEqualTypeOf<ClientReply<FromServer, FromClient>>();
    expectTypeOf(ids).toEqualTypeOf<Ids>();
    if (eventName === "welcome") expectTypeOf(args).toEqualTypeOf<[name: string]>();
    else if (eventName === "count") expectTypeOf(args).toEqualTypeOf<[value: number, exact?: boolean]>();
    else expectTypeOf(args).toEqualTypeOf<[]>();
    reply("greet", ["again"]);
  });
  client
    .on("count", ([value, exact], reply, { eventId }) => {
      expectTypeOf(value).toEqualTypeOf<number>();
      expectTypeOf(exact).toEqualTypeOf<boolean | undefined>();
      expectTypeOf(eventId).toEqualTypeOf<number>();
      reply("ask", ["why", false]);
    })
    .once("welcome", ([name]) => {
      expectTypeOf(name).toEqualTypeOf<string>();
    })
    .off("bye");
  client.on(
    "welcome",
    function (this: Date) {
      expectTypeOf(this).toEqualTypeOf<Date>();
    },
    new Date(),
  );
  expectTypeOf(client.send("leave")).toEqualTypeOf<Ids | undefined>();
  expectTypeOf(client.client).toEqualTypeOf<WebSocketLike | null>();
  expectTypeOf(client.alive).toEqualTypeOf<boolean>();
  expectTypeOf(client.awaitingRepliesCount).toEqualTypeOf<number>();
  const onCount: OnCallback<Client, "count"> = ([value], reply) => reply("greet", [String(value)]);
  client.on("count", onCount).off("count", onCount);

  // What must not
  // @ts-expect-error an event of the server's only
  client.send("welcome", ["Ann"]);
  // @ts-expect-error no such event
  client.send("unknown", []);
  // @ts-expect-error the wrong type
  client.send("greet", [1]);
  // @ts-expect-error too few
  client.send("ask", ["why"]);
  // @ts-expect-error too many
  client.send("greet", ["Ann", "Bob"]);
  // @ts-expect-error arguments that may not be left out
  client.send("greet");
  // @ts-expect-error an event of the client's only
  client.on("greet", () => undefined);
  // @ts-expect-error the wrong arguments
  client.on("welcome", ([name]: [number]) => name);
  client.on("welcome", (_args, reply) => {
    // @ts-expect-error a reply of the wrong type
    reply("greet", [1]);
    // @ts-expect-error a reply with an event of the server's only
    reply("welcome", ["Ann"]);
  });
  client.send("greet", ["Ann"], (_eventName, args) => {
    // @ts-expect-error not narrowed yet
    args[0].toUpperCase();
  });
  // @ts-expect-error the protocol's own names are reserved
  expectTypeOf<EZEZWebSocketClient<{ "ezez-ws::auth": [string] }>>();
  // @ts-expect-error arguments are a tuple
  expectTypeOf<EZEZWebSocketClient<{ greet: string }>>();
  // @ts-expect-error no such policy
  expectTypeOf<ClientOptions>({ sendWhenNotConnected: "queue" });
  // @ts-expect-error read only
  client.alive = true;
};

describe("types, which pnpm types checks: here they only have to load,", () => {
  it("compile where they must, and only there", () => {
    expectTypeOf(compiled).toBeFunction();
  });

  it("have the same events in both directions by default", () => {
    expectTypeOf<EZEZWebSocketClient<FromServer>>().toEqualTypeOf<EZEZWebSocketClient<FromServer, FromServer>>();
  });

  it("give onMessage one tuple for each event", () => {
    type OnMessage = NonNullable<ClientCallbacks<FromServer, FromClient>["onMessage"]>;
    const narrowed: OnMessage = (eventName, args, reply, ids) => {
      expectTypeOf(reply).toEqualTypeOf<ClientReply<FromServer, FromClient>>();
      expectTypeOf(ids).toEqualTypeOf<Ids>();
      if (eventName === "welcome") expectTypeOf(args).toEqualTypeOf<[name: string]>();
    };
    const shorter: OnMessage = (eventName, args) => {
      if (eventName === "count") expectTypeOf(args).toEqualTypeOf<[value: number, exact?: boolean]>();
    };
    const none: OnMessage = () => undefined;
    expectTypeOf([narrowed, shorter, none]).toEqualTypeOf<OnMessage[]>();
    expectTypeOf<NonNullable<ClientCallbacks<FromServer>["onError"]>>().parameters.toEqualTypeOf<[error: EZEZError]>();
    expectTypeOf<NonNullable<ClientCallbacks<FromServer>["onDisconnect"]>>().parameters.toEqualTypeOf<
      [code: number, reason: string]
    >();
  });

  it("take the WebSocket classes of browsers and of ws, without a cast", () => {
    expectTypeOf(NodeWebSocket).toExtend<WebSocketConstructor>();
    expectTypeOf<typeof WebSocket>().toExtend<WebSocketConstructor>();
  });
});
