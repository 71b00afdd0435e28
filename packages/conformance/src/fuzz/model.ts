import type { Capabilities } from "../row.js";
import type { Noted } from "./application.js";
import { type Course, type Ended, Outcome } from "./outcome.js";
import type { Peer } from "./peer.js";
import type { Plan } from "./plan.js";
import { Sending } from "./sending.js";

/** The contract's close code for each mistake of a peer's. */
const CLOSE_CODES: Readonly<Record<string, number>> = {
  MALFORMED_MESSAGE: 1002,
  RESERVED_EVENT: 1002,
  DUPLICATE_AUTH: 1002,
  TEXT_MESSAGE: 1003,
  QUEUE_OVERFLOW: 1008,
  MESSAGE_TOO_LARGE: 1009,
  SLOW_CONSUMER: 1013,
  AUTH_DECISION_TIMEOUT: 1013,
  AUTH_UNAVAILABLE: 1013,
  RATE_LIMITED: 4429,
  HEARTBEAT_LOST: 1006,
};

const SHUTDOWN: Omit<Ended, "ms"> = { by: "close", code: 1001, reason: "" };

interface Listener {
  readonly name: string;
  readonly listener: number;
  readonly once: boolean;
}

/**
 * What must be so for one connection, given all that its peer sent and saw and all that the application was told and did.
 * Returns what is not.
 */
export const problemsOf = (plan: Plan, capabilities: Capabilities, peer: Peer, log: readonly Noted[]): string[] => {
  const problems: string[] = [];
  const wrong = (what: string): void => void problems.push(`${peer.plan.label}: ${what}`);
  const sending = new Sending(peer.sent);
  const course = new Model(plan, sending, peer, log, wrong).follow();
  new Outcome(plan, capabilities, sending, peer, log, course, wrong).check();
  return problems;
};

/** Follows one connection through all that the application was told and did, in order. */
class Model {
  readonly #plan: Plan;
  readonly #sending: Sending;
  readonly #peer: Peer;
  readonly #log: readonly Noted[];
  readonly #wrong: (what: string) => void;
  readonly #asked = new Set<number>();
  readonly #dispatched: number[] = [];
  #listeners: Listener[] = [];
  #due: (Listener | "onReply")[] = [];
  #message: Extract<Noted, { at: "onMessage" }> | undefined;
  #now = 0;
  #ended: Ended | undefined;
  #disconnected: Extract<Noted, { at: "onDisconnect" }> | undefined;
  #authRequests = 0;
  #authOks = 0;
  #rejection: string | undefined;

  constructor(plan: Plan, sending: Sending, peer: Peer, log: readonly Noted[], wrong: (what: string) => void) {
    this.#plan = plan;
    this.#sending = sending;
    this.#peer = peer;
    this.#log = log;
    this.#wrong = wrong;
  }

  follow(): Course {
    for (const noted of this.#log) this.#walk(noted);
    this.#checkDue();
    return {
      dispatched: this.#dispatched,
      ended: this.#ended,
      disconnected: this.#disconnected,
      accepted: this.#authOks > 0,
      rejection: this.#rejection,
    };
  }

  #walk(noted: Noted): void {
    this.#now = noted.ms;
    if (CALLBACKS.has(noted.at) && this.#disconnected !== undefined) this.#wrong(`${noted.at} after onDisconnect`);
    if (DISPATCHED.has(noted.at) && (!noted.alive || this.#ended !== undefined))
      this.#wrong(`${noted.at} after the end`);
    if (noted.at === "sent" && noted.question) this.#ask(noted.ids.eventId);
    if (noted.at === "onReply") this.#reply(noted);
    if (noted.awaited !== (noted.alive ? this.#asked.size : 0)) {
      this.#wrong(`${noted.at}: ${noted.awaited} replies are awaited, not ${noted.alive ? this.#asked.size : 0}`);
    }
    switch (noted.at) {
      case "onAuthRequest":
        this.#authRequest(noted.key);
        break;
      case "onAuthOk":
        if (++this.#authOks > 1 || this.#rejection !== undefined) this.#wrong("onAuthOk is one too many");
        if (this.#authRequests === 0 || this.#sending.key?.answer !== "yes")
          this.#wrong("onAuthOk of a key that is not accepted");
        break;
      case "onAuthRejected":
        this.#reject(noted.reason);
        break;
      case "onMessage":
        this.#checkDue();
        this.#dispatch(noted);
        break;
      case "onMessage is over":
        this.#expectDelivery(noted.alive);
        break;
      case "listener":
        this.#call(noted.listener, noted.ids.eventId);
        break;
      case "on":
      case "once":
        this.#listeners.push({ name: noted.name, listener: noted.listener, once: noted.at === "once" });
        break;
      case "off":
        this.#listeners = this.#listeners.filter(({ listener }) => listener !== noted.listener);
        break;
      case "not sent":
        this.#notSent(noted);
        break;
      case "disconnect":
        this.#end({ by: "disconnect", code: noted.code, reason: noted.reason });
        break;
      case "the server closes":
        this.#end(SHUTDOWN);
        break;
      case "onError":
        this.#error(noted.code);
        break;
      case "onDisconnect":
        // The application did not know of it yet when the server closed.
        if (noted === this.#log[0] && noted.code === 1001 && noted.reason === "") this.#end(SHUTDOWN);
        this.#disconnected = noted;
    }
  }

  #end(ended: Omit<Ended, "ms">): void {
    if (this.#ended !== undefined) this.#wrong(`ended by ${ended.by} after ${this.#ended.by}`);
    this.#ended ??= { ...ended, ms: this.#now };
  }

  #error(code: string): void {
    if (code === "SLOW_CONSUMER" && this.#plan.options.slowConsumer === "drop") return;
    // Behind a broken frame nothing is read, pongs neither.
    const answers = this.#peer.plan.answersPings && !this.#sending.leaves && !this.#sending.has("stall");
    if (code === "HEARTBEAT_LOST" && answers) {
      this.#wrong("given up, though it answers pings");
    }
    const closeCode = CLOSE_CODES[code];
    if (closeCode !== undefined) this.#end({ by: code, code: closeCode });
  }

  #ask(eventId: number): void {
    if (this.#asked.size >= (this.#plan.options.maxAwaitingReplies ?? Infinity)) this.#wrong("one question too many");
    this.#asked.add(eventId);
  }

  #reply({ asked, ids }: Extract<Noted, { at: "onReply" }>): void {
    if (this.#due.shift() !== "onReply") this.#wrong("onReply out of turn");
    if (ids.replyTo !== asked || ids.eventId !== this.#message?.ids.eventId) this.#wrong("onReply of another message");
    if (!this.#asked.delete(asked)) this.#wrong(`onReply of ${asked}, which was not asked or is answered`);
  }

  #notSent({ why, question, wasAlive }: Extract<Noted, { at: "not sent" }>): void {
    const { sendAfterDisconnect, slowConsumer, maxAwaitingReplies = Infinity } = this.#plan.options;
    const gone = sendAfterDisconnect === "throw" ? "DISCONNECTED" : "undefined";
    if (!wasAlive) {
      if (why !== gone) this.#wrong(`send after the close: ${why}`);
    } else if (why === "TOO_MANY_AWAITING_REPLIES") {
      if (!question || this.#asked.size < maxAwaitingReplies) this.#wrong("too many replies are not awaited");
    } else if (why !== "NOT_SERIALIZABLE" && !(slowConsumer !== undefined && why === "undefined")) {
      // The transport may know before the core that the peer is going.
      if (why !== gone || !this.#sending.leaves) this.#wrong(`a send to an open client: ${why}`);
    }
  }

  // ---- Authentication

  #authRequest(key: string): void {
    if (++this.#authRequests > 1) this.#wrong("a second onAuthRequest");
    if (key !== this.#sending.auths[0]?.key || this.#sending.key === undefined)
      this.#wrong(`onAuthRequest of another key: ${key}`);
  }

  #reject(reason: string): void {
    if (this.#rejection !== undefined || this.#authOks > 0) this.#wrong("onAuthRejected is one too many");
    this.#rejection = reason;
    this.#end({ by: "rejection", code: reason === "Auth timeout" ? 4408 : 4401 });
    const [first] = this.#sending.auths;
    const answer = this.#sending.key?.answer;
    const legal =
      (reason === "Auth timeout" && this.#authRequests === 0) ||
      (reason === "Auth verification failed" && answer === "fail" && this.#plan.options.authErrors === "reject") ||
      (reason === "Invalid auth key" && (answer === "no" || answer === "truthy")) ||
      (reason === "Invalid auth key" && first?.version === 1 && typeof first.key !== "string") ||
      (reason.startsWith("Protocol version mismatch, wanted 1, got ") && first !== undefined && first.version !== 1);
    if (!legal) this.#wrong(`onAuthRejected without a cause: ${reason}`);
  }

  // ---- Dispatch

  #dispatch(noted: Extract<Noted, { at: "onMessage" }>): void {
    this.#message = noted;
    const { name, ids } = noted;
    const sent = this.#sending.events.get(ids.eventId);
    if (sent === undefined) {
      this.#wrong(`a message that was not sent: ${name} ${ids.eventId}`);
      return;
    }
    const last = this.#dispatched.at(-1) ?? 0;
    if (ids.eventId <= last) this.#wrong(`message ${ids.eventId} was dispatched after ${last}`);
    this.#dispatched.push(ids.eventId);
    const [question, payload] = noted.args;
    const same = name === sent.name && ids.replyTo === sent.replyTo && question === (sent.question ?? null);
    if (!same || !(payload instanceof Uint8Array)) this.#wrong(`message ${ids.eventId} is not what was sent`);
    const { messagesBeforeAuth } = this.#plan.options;
    if (messagesBeforeAuth !== "accept" && this.#authOks === 0) this.#wrong("a message before authentication");
    if (messagesBeforeAuth === "ignore" && sent.index < (this.#sending.auths[0]?.index ?? Infinity)) {
      this.#wrong("a message from before the auth message");
    }
    if (sent.index > this.#sending.stop.index)
      this.#wrong(`message ${ids.eventId} from behind ${this.#sending.stop.what}`);
  }

  #expectDelivery(alive: boolean): void {
    const message = this.#message;
    if (message === undefined || !alive) return;
    const { replyTo } = message.ids;
    if (replyTo !== null && this.#asked.has(replyTo)) this.#due = ["onReply"];
    else {
      this.#due = this.#listeners.filter(({ name }) => name === message.name);
      this.#listeners = this.#listeners.filter(({ name, once }) => name !== message.name || !once);
    }
  }

  #call(listener: number, eventId: number): void {
    const due = this.#due.shift();
    if (due === undefined || due === "onReply" || due.listener !== listener)
      this.#wrong(`listener ${listener} out of turn`);
    if (eventId !== this.#message?.ids.eventId) this.#wrong("a listener of another message");
  }

  /** Whoever was to get the last message got it, unless the connection ended meanwhile. */
  #checkDue(): void {
    if (this.#due.length > 0 && this.#ended === undefined) {
      this.#wrong(`message ${this.#message?.ids.eventId} did not get to all`);
    }
    this.#due = [];
  }
}

const CALLBACKS = new Set<Noted["at"]>([
  "onAuthRequest",
  "onAuthOk",
  "onAuthRejected",
  "onMessage",
  "onReply",
  "listener",
  "onDisconnect",
  "onDrain",
]);
const DISPATCHED = new Set<Noted["at"]>(["onAuthRequest", "onAuthOk", "onMessage", "onReply", "listener"]);
