import { CloseCode } from "@ezez-ws/core";

const SHORTEST_MS = 500;
const LONGEST_MS = 30_000;
const RATE_LIMITED_MS = 5000;
const STABLE_MS = 10_000;

/**
 * How long to wait before the next attempt, in milliseconds. Full jitter: anything up to a bound that doubles with each
 * failure, so that the clients of a restarted server do not come back together.
 *
 * @param failures connections and attempts that failed since the last stable connection, before this one
 * @param code what the last one was closed with
 * @param random from 0 to 1
 */
export const reconnectDelay = (failures: number, code: number, random: number): number => {
  const delay = random * Math.min(LONGEST_MS, SHORTEST_MS * 2 ** failures);
  return code === CloseCode.rateLimited ? RATE_LIMITED_MS + delay : delay;
};

/** Where a client stands. Times are `performance.now()`'s. */
export type ClientState =
  /** `authenticating`: the connection is open. `waiting`: for the next attempt. `stopped`: for good. */
  | { readonly name: "connecting" | "authenticating" | "waiting" | "stopped"; readonly failures: number }
  | { readonly name: "ready"; readonly failures: number; readonly since: number };

export type ClientEvent =
  | { readonly type: "opened" | "elapsed" | "stop" }
  /** auth-ok came, or no auth was asked for. */
  | { readonly type: "accepted"; readonly now: number }
  /** The connection, or the attempt at it, is over; `final` where no other may follow. */
  | {
      readonly type: "ended";
      readonly code: number;
      readonly final: boolean;
      readonly now: number;
      readonly random: number;
    };

export type ClientEffect =
  | { readonly type: "connect" | "disconnect" | "flushQueue" | "clearQueue" | "cancelWait" }
  | { readonly type: "wait"; readonly ms: number };

export interface ClientStep {
  readonly state: ClientState;
  readonly effects: readonly ClientEffect[];
}

/** One step in the life of a client. Pure: the client performs the effects. Events out of place change nothing. */
export const clientStep = (state: ClientState, event: ClientEvent): ClientStep => {
  const { name, failures } = state;
  const to = (next: "connecting" | "authenticating" | "stopped", ...effects: ClientEffect["type"][]): ClientStep => ({
    state: { name: next, failures },
    effects: effects.map((type) => ({ type }) as ClientEffect),
  });
  switch (event.type) {
    case "opened":
      if (name === "connecting") return to("authenticating");
      break;
    case "accepted":
      if (name !== "authenticating") break;
      return { state: { name: "ready", failures, since: event.now }, effects: [{ type: "flushQueue" }] };
    case "ended": {
      if (name === "waiting" || name === "stopped") break;
      if (event.final) return to("stopped", "clearQueue");
      const before = name === "ready" && event.now - state.since >= STABLE_MS ? 0 : failures;
      return {
        state: { name: "waiting", failures: before + 1 },
        effects: [{ type: "wait", ms: reconnectDelay(before, event.code, event.random) }],
      };
    }
    case "elapsed":
      if (name === "waiting") return to("connecting", "connect");
      break;
    case "stop":
      if (name !== "stopped") return to("stopped", "cancelWait", "clearQueue", "disconnect");
  }
  return { state, effects: [] };
};
