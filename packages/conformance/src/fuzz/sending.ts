import type { Sent, SentEvent } from "./peer.js";
import { type Key, MAX_PAYLOAD, MAX_PAYLOAD_BEFORE_AUTH } from "./plan.js";

interface Auth {
  readonly key: unknown;
  readonly version: unknown;
  readonly index: number;
}

/** What follows from all that one peer sent. */
export class Sending {
  readonly all: readonly Sent[];
  readonly auths: readonly Auth[];
  /** The events by their ids, and where each was among all that was sent. */
  readonly events: ReadonlyMap<number, SentEvent & { readonly index: number; readonly afterAuthOk: boolean }>;
  /** The key that is decided on, where there is one. */
  readonly key: Key | undefined;
  /** The first thing behind which nothing may be dispatched. */
  readonly stop: { readonly index: number; readonly what: string };

  constructor(all: readonly Sent[]) {
    this.all = all;
    this.auths = all.flatMap((sent, index) =>
      sent.does === "auth" ? [{ key: sent.key, version: sent.version, index }] : [],
    );
    this.events = new Map(
      all.flatMap((sent, index) => (sent.does === "event" ? [[sent.eventId, { ...sent, index }] as const] : [])),
    );
    const [first] = this.auths;
    this.key = first?.version === 1 && typeof first.key === "string" ? (JSON.parse(first.key) as Key) : undefined;
    this.stop = this.#findStop();
  }

  /** Where the peer closed, broke the rules of framing, or vanished; -1 where it did not. */
  get leavesAt(): number {
    return this.all.findIndex(leaves);
  }

  get leaves(): boolean {
    return this.leavesAt !== -1;
  }

  /** Of its close frames. */
  get closeCodes(): number[] {
    return this.all.flatMap((sent) => (sent.does === "close" ? [sent.code ?? 1005] : []));
  }

  /** It left otherwise than with a close frame. */
  get breaksOff(): boolean {
    return this.all.some((sent) => leaves(sent) && sent.does !== "close");
  }

  has(does: Sent["does"]): boolean {
    return this.all.some((sent) => sent.does === does);
  }

  #findStop(): { readonly index: number; readonly what: string } {
    const [first, second] = this.auths;
    const before = first?.index ?? Infinity;
    const refused = this.key === undefined || (this.key.afterMs === undefined && !WAITS.has(this.key.answer));
    const index = this.all.findIndex((sent, at) => {
      if (sent.does === "event") {
        return sent.byteLength > MAX_PAYLOAD || (sent.byteLength > MAX_PAYLOAD_BEFORE_AUTH && at < before);
      }
      if (sent.does === "auth") return at === second?.index || refused;
      return FATAL.has(sent.does);
    });
    return index === -1 ? { index: Infinity, what: "nothing" } : { index, what: this.all[index]?.does ?? "" };
  }
}

const FATAL = new Set<Sent["does"]>(["malformed", "reserved", "text", "close", "breach", "vanish"]);
const WAITS = new Set<Key["answer"]>(["yes", "never"]);

// What is far too large the transport does not read.
const leaves = (sent: Sent): boolean =>
  ["close", "breach", "vanish"].includes(sent.does) || (sent.does === "event" && sent.byteLength > 2 * MAX_PAYLOAD);
