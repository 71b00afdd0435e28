import { openSync, writeSync } from "node:fs";
import type { Application, Client, Server } from "./application.js";

const TICK_MS = 20;
const TELL_ALL_EVERY = 5;

/** What `news` counts: what was sent to this client on this connection, or to all. */
export const News = { own: "own", all: "all" } as const;

/**
 * Answers each question, and writes down that it came before it does. What is written is not lost with the process, so
 * that a killed server still tells. Each client has its number for a key.
 */
export const accounting = (server: () => Server): Application => {
  const told = new Map<Client, number>();
  let receipts: number | undefined;
  let ticks = 0;
  let asked = 0;
  let toldAll = 0;

  const note = (...words: (string | number)[]): void => {
    if (receipts !== undefined) writeSync(receipts, `${words.join(" ")}\n`);
  };

  const tell = (client: Client): void => {
    const number = told.get(client) ?? 0;
    if (client.send("news", [number, Date.now(), News.own]) !== undefined) told.set(client, number + 1);
  };

  const ask = (client: Client): void => {
    const number = ++asked;
    const text = `question ${number} to ${client.connectionId}`;
    client.send("ask", [number, text], (_, eventName, args) => {
      const right = eventName === "answer" && args[0] === number && args[1] === text;
      note(right ? "answered" : "misanswered", number);
    });
  };

  const tick = (): void => {
    const { clients } = server();
    for (const client of clients) tell(client);
    const one = clients[Math.floor(Math.random() * clients.length)];
    if (one !== undefined) ask(one);
    if (++ticks % TELL_ALL_EVERY === 0) server().broadcast("news", [++toldAll, Date.now(), News.all]);
  };

  return {
    // Black holes are noticed soon.
    options: { heartbeatIntervalMs: 500 },
    callbacks: {
      onAuthRequest: () => true,
      onAuthOk: (client) => {
        told.set(client, 0);
        client.on("ask", ([number, text], reply) => {
          note("got", client.connectionId, number, text);
          reply("answer", [number, text]);
        });
      },
      onDisconnect: (client) => void told.delete(client),
      onError: (_, { code }) => note("error", code),
    },
    commands: {
      /** Where to write down what comes. */
      receipts: (path: string) => {
        receipts = openSync(path, "a");
        setInterval(tick, TICK_MS);
      },
    },
  };
};
