import type { Application, Client, Server } from "./application.js";

// Twenty-five messages at once to as many clients, and one to all: with the answers that makes 1,000 messages in a second
// with 500 clients.
const ASK_MS = 100;
const ASKED = 25;
const NEWS_MS = 1000;
const TEXT = "what everybody gets to read ".repeat(4);

/** What the application counted itself, to compare with what the library says. */
export interface SoakCounts {
  /** Received and sent. */
  readonly messages: number;
  /** Questions asked whose answer has not come, of clients that are alive. */
  readonly pendingReplies: number;
  readonly wrongAnswers: number;
  /** Connections that have ended. */
  readonly ended: number;
  /** How often `onError` was called, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Answers, asks and broadcasts. */
export const soak = (server: () => Server): Application => {
  const pending = new Map<Client, number>();
  const errors: Record<string, number> = {};
  let timers: ReturnType<typeof setInterval>[] = [];
  let messages = 0;
  let wrongAnswers = 0;
  let ended = 0;
  let asked = 0;
  let told = 0;

  const ask = (client: Client): void => {
    const number = ++asked;
    const ids = client.send("ask", [number, `question ${number}`], (_, eventName, [answered, text]) => {
      messages++;
      pending.set(client, (pending.get(client) ?? 0) - 1);
      if (eventName !== "answer" || answered !== number || text !== `question ${number}`) wrongAnswers++;
    });
    if (ids === undefined) return;
    messages++;
    pending.set(client, (pending.get(client) ?? 0) + 1);
  };

  const askSome = (): void => {
    const { clients } = server();
    for (let i = 0; i < ASKED && clients.length > 0; i++) {
      const client = clients[Math.floor(Math.random() * clients.length)];
      if (client !== undefined) ask(client);
    }
  };

  const tellAll = (): void => {
    messages += server().broadcast("news", [++told, Date.now(), TEXT]);
  };

  return {
    // On a busy machine the peers themselves are late.
    options: { authTimeoutMs: 20_000 },
    callbacks: {
      onAuthRequest: (_, key) => key === "key",
      onAuthOk: (client) => {
        pending.set(client, 0);
        client.on("ask", ([number, text], reply) => {
          messages++;
          if (reply("answer", [number, text]) !== undefined) messages++;
        });
      },
      onDisconnect: (client) => {
        ended++;
        pending.delete(client);
      },
      onError: (_, { code }) => {
        errors[code] = (errors[code] ?? 0) + 1;
      },
    },
    counts: (): SoakCounts => ({
      messages,
      // A client that is no longer alive has none, though onDisconnect comes later.
      pendingReplies: [...pending].reduce((sum, [{ alive }, one]) => sum + (alive ? one : 0), 0),
      wrongAnswers,
      ended,
      errors,
    }),
    commands: {
      talk: () => {
        timers = [setInterval(askSome, ASK_MS), setInterval(tellAll, NEWS_MS)];
      },
      hush: () => {
        for (const timer of timers) clearInterval(timer);
        timers = [];
      },
    },
  };
};
