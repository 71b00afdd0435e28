import type { Capabilities } from "../row.js";
import type { Noted } from "./application.js";
import type { Peer, Sent } from "./peer.js";
import { MAX_PAYLOAD_BEFORE_AUTH, type Plan } from "./plan.js";
import type { Sending } from "./sending.js";

/** Why and when a connection ended, where the server ended it. */
export interface Ended {
  readonly by: string;
  readonly code: number;
  readonly reason?: string;
  readonly ms: number;
}

/** What became of one connection on the server. */
export interface Course {
  /** The ids of the messages, in order. */
  readonly dispatched: readonly number[];
  readonly ended: Ended | undefined;
  readonly disconnected: Extract<Noted, { at: "onDisconnect" }> | undefined;
  readonly accepted: boolean;
  readonly rejection: string | undefined;
}

/** How long a message may be on its way from a peer to the server, in one busy process. */
const ON_THE_WAY_MS = 1000;

/** Compares both ends of one connection, once it is over. */
export class Outcome {
  readonly #plan: Plan;
  readonly #capabilities: Capabilities;
  readonly #sending: Sending;
  readonly #peer: Peer;
  readonly #log: readonly Noted[];
  readonly #course: Course;
  readonly #wrong: (what: string) => void;

  constructor(
    plan: Plan,
    capabilities: Capabilities,
    sending: Sending,
    peer: Peer,
    log: readonly Noted[],
    course: Course,
    wrong: (what: string) => void,
  ) {
    this.#plan = plan;
    this.#capabilities = capabilities;
    this.#sending = sending;
    this.#peer = peer;
    this.#log = log;
    this.#course = course;
    this.#wrong = wrong;
  }

  check(): void {
    this.#checkFailures();
    if (this.#course.disconnected === undefined) this.#wrong("onDisconnect was not called");
    else this.#checkEnd(this.#course.disconnected);
    this.#checkDispatched();
    this.#checkReceived();
  }

  /** All was read, and the connection went on until the server closed. A pong may also come from one that is closing. */
  get #stayed(): boolean {
    return this.#peer.passedBarrier && this.#course.ended?.by === "close";
  }

  #checkEnd({ code, reason }: Extract<Noted, { at: "onDisconnect" }>): void {
    const ended = this.#course.ended;
    const { what } = this.#sending.stop;
    if (ended === undefined) {
      const codes = this.#peersCodes();
      if (!codes.includes(code)) this.#wrong(`onDisconnect with ${code} and not ${codes.join(" or ") || "at all"}`);
      return;
    }
    if (code !== ended.code || (ended.reason !== undefined && reason !== ended.reason)) {
      this.#wrong(`onDisconnect with ${code} "${reason}" and not ${ended.code} by ${ended.by}`);
    }
    const expected = FAULTS[ended.by];
    if (expected !== undefined && expected !== what) this.#wrong(`${ended.by} where ${what} came first`);
    if (this.#stayed && this.#sending.stop.index < this.#readBeforeClose) this.#wrong(`open still behind ${what}`);
  }

  /** What the peer's own end may be told as. */
  #peersCodes(): number[] {
    const codes: number[] = [];
    const first = this.#sending.all[this.#sending.leavesAt];
    if (first?.does === "close") codes.push(first.code ?? 1005);
    else if (first !== undefined) codes.push(1006);
    if (this.#sending.has("vanish")) codes.push(1006);
    // Who pings and does not read what waits for it is given up by an adapter whose runtime answers pings past every limit.
    if (this.#hasFailed && this.#plan.options.slowConsumer !== undefined) codes.push(1006);
    return codes;
  }

  get #hasFailed(): boolean {
    return this.#log.some((noted) => noted.at === "onError" && noted.code === "TRANSPORT_ERROR");
  }

  // ---- Nothing is lost

  #checkDispatched(): void {
    const { messagesBeforeAuth, queueLimitBytes = 0 } = this.#plan.options;
    const from = this.#course.dispatched[0] ?? Infinity;
    const queuesAll =
      messagesBeforeAuth === "queue" && queueLimitBytes > MAX_PAYLOAD_BEFORE_AUTH && this.#course.accepted;
    const last = this.#course.dispatched.at(-1) ?? 0;
    const dispatched = new Set(this.#course.dispatched);
    for (const { eventId, index, afterAuthOk } of this.#sending.events.values()) {
      // In between it depends on when the decision came.
      const counts =
        messagesBeforeAuth === "accept" ||
        queuesAll ||
        afterAuthOk ||
        (messagesBeforeAuth === "ignore" && eventId > from);
      const processed = index < this.#processed || eventId < last;
      if (counts && processed && !dispatched.has(eventId)) this.#wrong(`message ${eventId} was lost`);
    }
  }

  /** What was sent before this was certainly read. */
  get #processed(): number {
    if (this.#stayed) return this.#readBeforeClose;
    const ended = this.#course.ended;
    if (ended !== undefined) return FAULTS[ended.by] === this.#sending.stop.what ? this.#sending.stop.index : 0;
    const first = this.#sending.leavesAt;
    const leaving = this.#sending.all[first];
    // The transport may have given the peer up before it read that, and a reset takes along what is not read.
    if (this.#hasFailed || this.#sending.all.some((sent) => sent.does === "vanish" && sent.how !== "endTcp")) return 0;
    if (leaving?.does === "close" || (leaving?.does === "vanish" && leaving.how === "endTcp")) return first;
    return 0;
  }

  /** What was sent before this was read before the server closed, where the peer has passed its barrier. */
  get #readBeforeClose(): number {
    const { all } = this.#sending;
    // A runtime that answers pings ahead of messages, or while a close waits for what is buffered, has passed the barrier with
    // these unread.
    const waits = this.#log.some((noted) => noted.at === "the server closes" && noted.bufferedAmount > 0);
    if (!this.#capabilities.answersCloseBehindMessage && !waits) return all.length;
    const unread = all.findIndex(({ ms }) => ms >= (this.#course.ended?.ms ?? Infinity) - ON_THE_WAY_MS);
    return unread === -1 ? all.length : unread;
  }

  #checkReceived(): void {
    const { received, ending, strange } = this.#peer;
    if (strange.length > 0) this.#wrong(`frames with the opcodes ${strange}`);
    const reserved = received.filter(([name]) => String(name).startsWith("ezez-ws::"));
    const told = [
      ...(this.#course.accepted ? [["ezez-ws::auth-ok"]] : []),
      ...(this.#course.rejection === undefined ? [] : [["ezez-ws::auth-rejected", this.#course.rejection]]),
    ];
    const complete = !this.#sending.leaves && ending !== undefined && ending.code !== 1006;
    if (JSON.stringify(reserved) !== JSON.stringify(complete ? told : told.slice(0, reserved.length))) {
      this.#wrong(`received ${JSON.stringify(reserved)} and not ${JSON.stringify(told)}`);
    }
    this.#checkMessages(
      received.filter((message) => !reserved.includes(message)),
      complete,
    );
    if (ending !== undefined) this.#checkEnding(ending.code);
  }

  #checkMessages(received: readonly (readonly unknown[])[], complete: boolean): void {
    const outgoing = this.#log.filter((noted) => noted.at === "sent" || noted.at === "broadcast");
    let at = 0;
    for (const [, eventId, replyTo, ...args] of received) {
      const tag = typeof args[0] === "number" ? args[0] : args[1];
      while (outgoing[at] !== undefined && outgoing[at]?.tag !== tag && isOptional(outgoing[at])) at++;
      const expected = outgoing[at++];
      if (expected === undefined || expected.tag !== tag) {
        this.#wrong(`received ${String(tag)} where ${expected?.tag ?? "nothing"} was sent`);
        return;
      }
      const ids = "ids" in expected ? expected.ids : { eventId, replyTo: null };
      if (ids.eventId !== eventId || ids.replyTo !== replyTo) this.#wrong(`message ${String(tag)} has other ids`);
    }
    const missing = outgoing.slice(at).filter((noted) => !isOptional(noted));
    if (complete && missing.length > 0) this.#wrong(`did not receive ${missing.map(({ tag }) => tag)}`);
  }

  #checkEnding(code: number): void {
    if (this.#course.disconnected === undefined) return;
    const { closeCodes, breaksOff } = this.#sending;
    const allowed = [this.#course.disconnected.code, ...closeCodes];
    const mayVanish =
      breaksOff ||
      this.#course.ended?.by === "HEARTBEAT_LOST" ||
      this.#plan.options.slowConsumer !== undefined ||
      this.#sentIntoTheEnd ||
      (closeCodes.length > 0 && this.#course.ended !== undefined);
    const { nativeFramingCloseCode, nativeUtf8CloseCode, nativeTooLargeCloseCode } = this.#capabilities;
    if (mayVanish || this.#sending.leaves) allowed.push(1006);
    if (this.#sending.leaves) allowed.push(nativeFramingCloseCode, nativeUtf8CloseCode, nativeTooLargeCloseCode);
    if (!allowed.includes(code)) this.#wrong(`saw ${code} and not ${allowed.join(" or ")}`);
  }

  /**
   * A runtime that ends TCP with the closing handshake, and gets more from the peer, resets the connection; the peer may lose
   * what it has not read yet. ws waits and reads on.
   */
  get #sentIntoTheEnd(): boolean {
    const { closesSynchronously, answersCloseBehindMessage } = this.#capabilities;
    if (!closesSynchronously && !answersCloseBehindMessage) return false;
    const end = this.#course.ended?.ms ?? Infinity;
    const dispatched = new Set(this.#course.dispatched);
    return this.#sending.all.some((sent) => {
      if (sent.ms >= end || sent.does === "stall") return true;
      // Such a runtime drops the close frame at a message that it had read, and not yet dispatched, when the server closed.
      const unread = sent.does === "event" && !dispatched.has(sent.eventId);
      return answersCloseBehindMessage && unread && sent.ms >= end - ON_THE_WAY_MS;
    });
  }

  /** Each failure of a callback is reported once. */
  #checkFailures(): void {
    const thrown = this.#log.flatMap((noted) => (noted.at === "throws" ? [noted.cause] : []));
    const told = this.#log.flatMap((noted) =>
      noted.at === "onError" && noted.code === "CALLBACK_FAILED" ? [noted.cause] : [],
    );
    if (thrown.sort().join() !== told.sort().join()) this.#wrong(`failures ${thrown}, reported ${told}`);
  }
}

/** What a peer must have sent first to be told this. */
const FAULTS: Readonly<Record<string, Sent["does"]>> = {
  MALFORMED_MESSAGE: "malformed",
  RESERVED_EVENT: "reserved",
  TEXT_MESSAGE: "text",
  DUPLICATE_AUTH: "auth",
};

/** A broadcast that did not reach all may not have reached this one. */
const isOptional = (noted: Noted | undefined): boolean => noted?.at === "broadcast" && !noted.toAll;
