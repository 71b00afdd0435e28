import { type ClientOptions, EZEZWebSocketClient } from "@ezez-ws/client";
import type { Random } from "@ezez-ws/conformance";
import { EZEZError } from "@ezez-ws/core";
import { News } from "../served/accounting.js";
import type { PeerEvents, ServerEvents } from "../served/events.js";

/** What became of one message. `lost`: its connection has ended, so nobody knows. */
type Fate = "replied" | "refused" | "waiting" | "lost";

interface Entry {
  readonly text: string;
  /** Counted from 1: the first connection that can have carried it. */
  readonly connection: number;
  fate: Fate;
}

export interface AccountOptions {
  readonly number: number;
  readonly url: string;
  readonly random: Random;
  readonly client: Pick<ClientOptions, "sendWhenNotConnected">;
  /** Most messages that wait for a reply at a time. */
  readonly most: number;
}

const ANSWER_MS = 100;
const REFUSED_MS = 100;
const EXPECTED_ERRORS = ["CONNECT_FAILED", "HEARTBEAT_LOST", "TRANSPORT_ERROR"];
const EXPECTED_REFUSALS = ["DISCONNECTED", "QUEUE_FULL"];

/** A client that keeps account of each message that it sends and gets. */
export class Account {
  /** In the order of sending. The place goes with the message, as its number. */
  readonly entries: Entry[] = [];
  /** What should not have happened; the first of each kind. */
  readonly broken = new Map<string, string>();
  readonly counts = { replied: 0, refused: 0, lost: 0, news: 0, answered: 0, unanswerable: 0 };
  readonly number: number;
  readonly most: number;
  readonly #client: EZEZWebSocketClient<ServerEvents, PeerEvents>;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #connects = 0;
  #disconnects = 0;
  #waiting = new Set<Entry>();
  #pausesUntil = 0;
  #ownNews = 0;
  #allNews: number | undefined;

  constructor({ number, url, random, client, most }: AccountOptions) {
    this.number = number;
    this.most = most;
    this.#client = new EZEZWebSocketClient<ServerEvents, PeerEvents>(
      url,
      undefined,
      // Black holes are noticed soon.
      { auth: String(number), heartbeatIntervalMs: 500, ...client },
      {
        onConnect: () => {
          this.#connects++;
          this.#ownNews = 0;
          this.#allNews = undefined;
        },
        onDisconnect: () => this.#disconnected(),
        onError: ({ code, message }) => {
          if (!EXPECTED_ERRORS.includes(code)) this.#break(`an error ${code}`, message);
        },
      },
    );
    this.#client.on("news", ([told, , kind]) => this.#news(told, kind));
    this.#client.on("ask", (args, reply) => {
      // Later, and now and then over a connection that has ended.
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (reply("answer", args) === undefined) this.counts.unanswerable++;
        else this.counts.answered++;
      }, random.below(ANSWER_MS));
      this.#timers.add(timer);
    });
    this.#client.on("answer", ([told]) => this.#break("a reply that nobody waits for", String(told)));
  }

  get disconnects(): number {
    return this.#disconnects;
  }

  /** Not many messages wait, and none was refused just now. */
  get isWilling(): boolean {
    return this.#waiting.size < this.most && performance.now() >= this.#pausesUntil;
  }

  /** Connected, and waiting for nothing. */
  get isQuiet(): boolean {
    return this.#client.alive && this.#client.awaitingRepliesCount === 0 && this.#waiting.size === 0;
  }

  send(): void {
    const number = this.entries.length;
    const text = `${this.number}-${number}-${"x".repeat(number % 50)}`;
    const connection = this.#client.alive ? this.#connects : this.#connects + 1;
    const entry: Entry = { text, connection, fate: "waiting" };
    this.entries.push(entry);
    this.#waiting.add(entry);
    try {
      const ids = this.#client.send("ask", [number, text], (eventName, args) => this.#replied(entry, eventName, args));
      if (ids === undefined) this.#settle(entry, "refused");
    } catch (error) {
      this.#settle(entry, "refused");
      if (!(error instanceof EZEZError) || !EXPECTED_REFUSALS.includes(error.code)) {
        this.#break("send failed as it should not", String(error));
      }
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#client.close();
  }

  #settle(entry: Entry, fate: Fate): void {
    this.#waiting.delete(entry);
    entry.fate = fate;
    if (fate !== "waiting") this.counts[fate]++;
    if (fate === "refused") this.#pausesUntil = performance.now() + REFUSED_MS;
  }

  #replied(entry: Entry, eventName: string, args: readonly unknown[]): void {
    if (eventName !== "answer" || args[1] !== entry.text) this.#break("a reply to another question", String(args[1]));
    if (entry.fate !== "waiting") this.#break(`a reply to what was ${entry.fate}`, entry.text);
    this.#settle(entry, "replied");
  }

  // What was sent and not answered is lost. What waits in the queue is the youngest, and goes over the next connection.
  #disconnected(): void {
    this.#disconnects++;
    const waiting = [...this.#waiting];
    for (const entry of waiting.slice(0, waiting.length - this.#client.awaitingRepliesCount)) {
      if (entry.connection > this.#disconnects) this.#break("a message in the queue was dropped", entry.text);
      this.#settle(entry, "lost");
    }
  }

  #news(told: number, kind: string): void {
    this.counts.news++;
    if (kind === News.own) {
      if (told !== this.#ownNews) this.#break("news is missing, or out of order", `${told}, not ${this.#ownNews}`);
      this.#ownNews = told + 1;
    } else {
      if (this.#allNews !== undefined && told !== this.#allNews + 1) {
        this.#break("a broadcast is missing, or out of order", `${told}, not ${this.#allNews + 1}`);
      }
      this.#allNews = told;
    }
  }

  #break(what: string, example: string): void {
    if (!this.broken.has(what)) this.broken.set(what, `client ${this.number}, ${example}`);
  }
}
