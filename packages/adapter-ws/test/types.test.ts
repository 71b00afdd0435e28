import {
  type Callbacks,
  type EZEZError,
  type EZEZServerClient,
  EZEZWebsocketServer,
  type Ids,
  type OnCallback,
  type OnReply,
  type Options,
  type Reply,
  type TEvents,
} from "@ezez-ws/adapter-ws";
import type { EZEZServerClient as CoreClient } from "@ezez-ws/core";
import { describe, expectTypeOf, it } from "vitest";
import type { WebSocket, WebSocketServer } from "ws";

type In = {
  greet: [name: string];
  ask: [question: string, urgent: boolean];
  count: [value: number, exact?: boolean];
  leave: [];
};
type Out = { welcome: [name: string]; total: [value: number]; bye: [] };
type Context = { user: string; admin?: boolean };
type Server = EZEZWebsocketServer<In, Out, Context>;
type Client = EZEZServerClient<In, Out, Context, WebSocket>;

// Never called: the compiler reads them, by way of test/tsconfig.json.

const constructing = (): void => {
  const callbacks = { onAuthRequest: () => true };
  const defaultContext = { user: "" };

  new EZEZWebsocketServer<In, Out, Context>({ port: 0, defaultContext }, callbacks);
  new EZEZWebsocketServer<In>({ port: 0 }, callbacks);
  new EZEZWebsocketServer<In, Out>({ noServer: true, defaultContext: {} }, callbacks);
  new EZEZWebsocketServer<In, Out, { admin?: boolean }>({ port: 0 }, callbacks);
  new EZEZWebsocketServer<In>({ port: 0, perMessageDeflate: true, backlog: 5 }, callbacks);

  // @ts-expect-error: TContext has a required property, so defaultContext is required
  new EZEZWebsocketServer<In, Out, Context>({ port: 0 }, callbacks);
  // @ts-expect-error: user is missing
  new EZEZWebsocketServer<In, Out, Context>({ port: 0, defaultContext: {} }, callbacks);
  // @ts-expect-error: user is a string
  new EZEZWebsocketServer<In, Out, Context>({ port: 0, defaultContext: { user: 1 } }, callbacks);
  // @ts-expect-error: onAuthRequest is required
  new EZEZWebsocketServer<In>({ port: 0 }, {});
  // @ts-expect-error: onAuthRequest answers with a boolean
  new EZEZWebsocketServer<In>({ port: 0 }, { onAuthRequest: () => "yes" });
  // @ts-expect-error: an option that does not exist
  new EZEZWebsocketServer<In>({ port: 0, queLimit: 1 }, callbacks);
  // @ts-expect-error: not one of the three
  new EZEZWebsocketServer<In>({ port: 0, messagesBeforeAuth: "drop" }, callbacks);
  new EZEZWebsocketServer<In>({ port: 0 }, { ...callbacks, onUpgrade: async ({ url }) => url !== "/closed" });
  // @ts-expect-error: a refusal has a status
  new EZEZWebsocketServer<In>({ port: 0 }, { ...callbacks, onUpgrade: () => ({ body: "no" }) });
  // @ts-expect-error: the prefix ezez-ws:: is the protocol's
  new EZEZWebsocketServer<{ "ezez-ws::auth": [] }>({ port: 0 }, callbacks);
  // @ts-expect-error: it is the protocol's on the way out, too
  new EZEZWebsocketServer<In, { "ezez-ws::mine": [text: string] }>({ port: 0 }, callbacks);
  // @ts-expect-error: arguments are a tuple
  new EZEZWebsocketServer<{ greet: string }>({ port: 0 }, callbacks);
};

const calledBack = (): void => {
  new EZEZWebsocketServer<In, Out, Context>(
    { port: 0, defaultContext: { user: "" } },
    {
      onUpgrade: async (request) => {
        expectTypeOf(request.headers.get("cookie")).toEqualTypeOf<string | undefined>();
        if (request.url === "/") return { status: 404, headers: { "x-why": "root" }, body: "no" };
        return true;
      },
      onAuthRequest: async (client, auth) => {
        expectTypeOf(client).toEqualTypeOf<Client>();
        expectTypeOf(auth).toEqualTypeOf<string>();
        return auth === "key";
      },
      onAuthRejected: (_client, reason) => expectTypeOf(reason).toEqualTypeOf<string>(),
      onMessage: (client, eventName, args, reply, ids) => {
        expectTypeOf(client).toEqualTypeOf<Client>();
        expectTypeOf(reply).toEqualTypeOf<Reply<In, Out, Context, WebSocket>>();
        expectTypeOf(ids).toEqualTypeOf<Ids>();
        switch (eventName) {
          case "greet":
            expectTypeOf(args).toEqualTypeOf<[name: string]>();
            reply("welcome", [args[0].toUpperCase()]);
            break;
          case "ask":
            expectTypeOf(args).toEqualTypeOf<[question: string, urgent: boolean]>();
            break;
          case "count":
            expectTypeOf(args).toEqualTypeOf<[value: number, exact?: boolean]>();
            break;
          default:
            expectTypeOf(eventName).toEqualTypeOf<"leave">();
            expectTypeOf(args).toEqualTypeOf<[]>();
        }
      },
      onDisconnect: (_client, code, reason) => {
        expectTypeOf(code).toEqualTypeOf<number>();
        expectTypeOf(reason).toEqualTypeOf<string>();
      },
      onError: (client, error) => {
        expectTypeOf(client).toEqualTypeOf<Client | undefined>();
        expectTypeOf(error).toEqualTypeOf<EZEZError>();
      },
    },
  );

  // Callbacks of fewer parameters, which narrow as well; async ones.
  const callbacks: Callbacks<In, Out, Context, WebSocket> = {
    onAuthRequest: () => true,
    onMessage: async (client, eventName, args) => {
      if (eventName === "ask") expectTypeOf(args).toEqualTypeOf<[question: string, urgent: boolean]>();
      client.send("bye");
    },
  };
  callbacks.onMessage = (client) => client.disconnect();
  callbacks.onMessage = () => undefined;
  callbacks.onMessage = (_client, eventName) => expectTypeOf(eventName).toEqualTypeOf<keyof In>();
  // @ts-expect-error: the client is no string
  callbacks.onMessage = (client: string) => client;
  // @ts-expect-error: not every event has a number
  callbacks.onMessage = (_client, _eventName, args: [number]) => args;
};

const sending = (client: Client, server: Server): void => {
  client.send("welcome", ["Ann"]);
  client.send("bye");
  client.send("bye", []);
  client.send("bye", undefined);
  client.send("bye", undefined, () => undefined);
  expectTypeOf(client.send("total", [1])).toEqualTypeOf<Ids | undefined>();
  client.send("total", [1], (replying, eventName, args, reply, ids) => {
    expectTypeOf(replying).toEqualTypeOf<Client>();
    expectTypeOf(ids).toEqualTypeOf<Ids>();
    if (eventName === "greet") expectTypeOf(args).toEqualTypeOf<[name: string]>();
    if (eventName === "leave") expectTypeOf(args).toEqualTypeOf<[]>();
    reply("total", [2], (_again, name) => expectTypeOf(name).toEqualTypeOf<keyof In>());
  });
  client.send("total", [1], (_client, eventName, args) => {
    if (eventName === "count") expectTypeOf(args[0]).toEqualTypeOf<number>();
  });

  // @ts-expect-error: arguments are missing
  client.send("welcome");
  // @ts-expect-error: the first argument is a string
  client.send("welcome", [1]);
  // @ts-expect-error: one argument too many
  client.send("welcome", ["Ann", "Bob"]);
  // @ts-expect-error: an event of the other direction
  client.send("greet", ["Ann"]);
  // @ts-expect-error: an event that does not exist
  client.send("nothing");
  // @ts-expect-error: arguments are in a tuple
  client.send("welcome", "Ann");
  // @ts-expect-error: onReply gets the client first
  client.send("bye", [], (eventName: "greet") => eventName);

  server.broadcast("welcome", ["Ann"], { except: client });
  server.broadcast("welcome", ["Ann"], { except: [client] });
  server.broadcast("welcome", ["Ann"], { except: new Set(server.clients) });
  expectTypeOf(server.broadcast("bye")).toEqualTypeOf<number>();
  // @ts-expect-error: the first argument is a string
  server.broadcast("welcome", [1]);
  // @ts-expect-error: a client is no name
  server.broadcast("bye", [], { except: "Ann" });
};

const listening = (client: Client): void => {
  client
    .on("ask", (args, reply, { eventId, replyTo }) => {
      expectTypeOf(args).toEqualTypeOf<[question: string, urgent: boolean]>();
      expectTypeOf(eventId).toEqualTypeOf<number>();
      expectTypeOf(replyTo).toEqualTypeOf<number | null>();
      reply("total", [1]);
      // @ts-expect-error: a reply of the wrong type
      reply("total", ["1"]);
      // @ts-expect-error: a reply is an event of the server's
      reply("greet", ["Ann"]);
    })
    .once("count", ([value, exact]) => {
      expectTypeOf(value).toEqualTypeOf<number>();
      expectTypeOf(exact).toEqualTypeOf<boolean | undefined>();
    })
    .on(
      "leave",
      function () {
        expectTypeOf(this).toEqualTypeOf<{ room: string }>();
      },
      { room: "lobby" },
    );
  client
    .off("ask")
    .off("ask", () => undefined)
    .off("ask", undefined, "context", true);
  // @ts-expect-error: an event of the other direction
  client.on("welcome", () => undefined);
  // @ts-expect-error: the name is a string
  client.on("greet", ([name]: [number]) => name);
};

const reading = (client: Client, server: Server): void => {
  expectTypeOf(client.context).toEqualTypeOf<Context>();
  expectTypeOf(client.client).toEqualTypeOf<WebSocket>();
  expectTypeOf(client.request.headers.get("host")).toEqualTypeOf<string | undefined>();
  expectTypeOf(server.clients).toEqualTypeOf<Client[]>();
  expectTypeOf(server.wss).toEqualTypeOf<WebSocketServer>();
  expectTypeOf(server.address()).toEqualTypeOf<{ address: string; port: number } | null>();
  // @ts-expect-error: read-only
  client.alive = false;
  // @ts-expect-error: read-only
  client.request.url = "/";
  // @ts-expect-error: read-only
  client.request.headers.set("a", "b");
};

// Written once, apart from any adapter.
const greetAll = (clients: Iterable<CoreClient<In, Out, Context>>): void => {
  for (const client of clients) client.send("welcome", [client.context.user]);
};
const leaveLog = <TSocket>(client: CoreClient<In, Out, Context, TSocket>): void => client.disconnect();
const anyone = <TIn extends TEvents, TOut extends TEvents, TContext extends object>(
  client: CoreClient<TIn, TOut, TContext>,
): boolean => client.alive;

const apart = (server: Server, client: Client): void => {
  greetAll(server.clients);
  leaveLog(client);
  expectTypeOf(anyone(client)).toEqualTypeOf<boolean>();
  expectTypeOf<Client>().toExtend<CoreClient<In, Out, Context>>();
  const listener: OnCallback<Server, "ask"> = ([question, urgent], reply) => {
    expectTypeOf(question).toEqualTypeOf<string>();
    expectTypeOf(urgent).toEqualTypeOf<boolean>();
    reply("bye");
  };
  client.on("ask", listener).off("ask", listener);
  expectTypeOf<Parameters<OnCallback<Server, "count">>[0]>().toEqualTypeOf<[value: number, exact?: boolean]>();
  expectTypeOf<OnCallback<Server, "nothing">>().toEqualTypeOf<never>();
  const onReply: OnReply<In, Out, Context, WebSocket> = (_client, eventName, args) => {
    if (eventName === "greet") expectTypeOf(args).toEqualTypeOf<[name: string]>();
  };
  client.send("bye", [], onReply);
  const options: Options<Context> = { defaultContext: { user: "" }, maxPayload: 5 };
  expectTypeOf(options.defaultContext).toEqualTypeOf<Context>();
};

describe("the types of the server", () => {
  it("are checked by the compiler, with pnpm types: here they only have to load", () => {
    for (const checked of [constructing, calledBack, sending, listening, reading, apart])
      expectTypeOf(checked).toBeFunction();
  });
});
