import type { Callbacks, EZEZServerClient } from "@ezez-ws/core";
import { listening } from "./child.js";

type Events = {
  /** Answered with the same argument. */
  echo: [value: unknown];
  /** Sends `news` to every client. */
  broadcast: [];
  news: [text: string];
  /** Answered once every client has answered a `question`. */
  ask: [];
  /** Answered once the client that sent it has answered a `question`. */
  askMe: [];
  question: [text: string];
  answer: [text: string];
  /** Sends as many `held` questions, for whose replies the server waits in vain. */
  hold: [count: number];
  held: [];
};
type Client = EZEZServerClient<Events>;

interface Server {
  readonly clients: Client[];
  broadcast(eventName: "news", args: Events["news"]): number;
  start(): Promise<void>;
  address(): { port: number } | null;
}

// As many replies as `hold` waits for; the rest are defaults.
const options = { host: "127.0.0.1", port: 0, maxAwaitingReplies: 200_000 };

type CreateServer = (where: typeof options, callbacks: Callbacks<Events>) => Server;

/** Serves the application that is measured on every adapter. */
export const serve = async (create: CreateServer): Promise<void> => {
  const server: Server = create(options, {
    onAuthRequest: (_client, key) => key === "key",
    onAuthOk: (client) => {
      client.on("echo", (args, reply) => reply("echo", args));
      client.on("broadcast", () => server.broadcast("news", ["hello"]));
      client.on("ask", (_args, reply) => ask(server.clients, () => reply("ask")));
      client.on("askMe", (_args, reply) => client.send("question", ["hello"], () => reply("askMe")));
      client.on("hold", ([count]) => hold(client, count));
    },
    onError: (_client, error) => console.error(error),
  });
  await server.start();
  listening(server.address()?.port ?? 0);
};

const ask = (clients: readonly Client[], done: () => void): void => {
  let missing = clients.length;
  const onReply = (): void => {
    missing--;
    if (missing === 0) done();
  };
  for (const client of clients) client.send("question", ["hello"], onReply);
};

const SLICE = 1000;

const hold = (client: Client, count: number): void => {
  for (let i = 0; i < Math.min(count, SLICE); i++) client.send("held", [], () => undefined);
  if (count > SLICE) setImmediate(() => hold(client, count - SLICE));
};
