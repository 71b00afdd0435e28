import type { Callbacks, EZEZServerClient } from "@ezez-ws/core";

/** What peers may send to the application of the remote suite. */
export type RemoteIn = {
  /** Answered with `echoed` and the same arguments. */
  echo: unknown[];
  /** Answered with `echoed` twice. */
  twice: unknown[];
  /** The server asks `question`, with the same arguments; whatever answers it comes back as `answered`. */
  ask: unknown[];
  /** Sent to everybody as `told`. */
  tell: unknown[];
  /** Disconnects the peer. */
  leave: [code: number, reason: string];
  /** Anything else is not answered. */
  other: unknown[];
};

/** What it sends. */
export type RemoteOut = {
  echoed: unknown[];
  question: unknown[];
  answered: [eventName: string, ...args: unknown[]];
  told: unknown[];
};

interface Server {
  broadcast(eventName: "told", args: unknown[]): number;
}

type Client = EZEZServerClient<RemoteIn, RemoteOut>;

/** Auth keys: each has a fate of its own. */
export const Key = { right: "right", wrong: "wrong", fails: "fails" } as const;

/**
 * The callbacks of the application that the remote suite talks to, for a server with default options on any adapter.
 * `server` is asked for only when a message comes.
 */
export const remoteApplication = (server: () => Server): Callbacks<RemoteIn, RemoteOut> => ({
  onAuthRequest: async (_client, key) => {
    if (key === Key.fails) throw new Error("the key could not be verified");
    return key === Key.right;
  },
  onAuthOk: (client: Client) => {
    client.on("echo", (args, reply) => reply("echoed", args));
    client.on("twice", (args, reply) => {
      reply("echoed", args);
      reply("echoed", args);
    });
    client.on("ask", (args, reply) => {
      client.send("question", args, (_client, eventName, answer) => reply("answered", [eventName, ...answer]));
    });
    client.on("tell", (args) => server().broadcast("told", args));
    client.on("leave", ([code, reason]) => client.disconnect(code, reason));
  },
  // The suite makes some fail on purpose.
  onError: () => undefined,
});
