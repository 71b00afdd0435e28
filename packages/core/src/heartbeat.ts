import type { ResolvedOptions } from "./options.js";

/** What the heartbeat needs of a session. */
interface Beating {
  silence: number;
  readonly alive: boolean;
  readonly canPing: boolean;
  ping(): void;
  heartbeatLost(): void;
  expireReplies(now: number): void;
}

type HeartbeatOptions = Pick<ResolvedOptions, "heartbeatIntervalMs" | "clearAwaitingRepliesAfterMs">;

// Silent for this many whole intervals, a client is taken for lost.
const INTERVALS = 2;
const SWEEP_MS = 15_000;

/** Two timers for all sessions of a server, or for a client's one connection: pings, and the sweep of replies that never came. */
export class Heartbeat {
  readonly #sessions: Iterable<Beating>;
  readonly #options: HeartbeatOptions;
  #timers: ReturnType<typeof setInterval>[] = [];

  constructor(sessions: Iterable<Beating>, options: HeartbeatOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  /** Does nothing while it runs. */
  start(): void {
    if (this.#timers.length > 0) return;
    const { heartbeatIntervalMs: interval, clearAwaitingRepliesAfterMs } = this.#options;
    const sweep = (): void => {
      const now = performance.now();
      for (const session of this.#sessions) session.expireReplies(now);
    };
    this.#timers.push(setInterval(sweep, Math.min(SWEEP_MS, clearAwaitingRepliesAfterMs)));
    if (interval === 0) return;
    let last = performance.now();
    const beat = (): void => {
      const now = performance.now();
      // After a blocked loop or a sleeping machine the answers are still unread: this beat only asks again.
      const late = now - last > interval * 1.5;
      last = now;
      for (const session of this.#sessions) this.#beat(session, late);
    };
    this.#timers.push(setInterval(beat, interval));
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #beat(session: Beating, late: boolean): void {
    if (!session.alive || !session.canPing) return;
    if (!late && session.silence >= INTERVALS) {
      session.heartbeatLost();
      return;
    }
    if (!late) session.silence++;
    session.ping();
  }
}
