import type { ValueName } from "../values.js";

export type DialectName = "raw" | "ezez" | "socketio";

/** What the generator is told, one command after another. A pool is a number of open connections. */
export type Command =
  | { kind: "open"; pool: string; port: number; dialect: DialectName; connections: number }
  | { kind: "drop"; pool: string }
  | { kind: "echo"; pool: string; value: ValueName; window: number; milliseconds: number }
  | { kind: "broadcast"; pool: string; burst: number; milliseconds: number }
  | { kind: "ask" | "askMe"; pool: string; milliseconds: number }
  | { kind: "hold"; pool: string; count: number }
  | { kind: "connect"; port: number; dialect: DialectName; concurrency: number; milliseconds: number };

/** What a command came to. All zero where nothing was timed. */
export interface Outcome {
  /** Messages answered, frames delivered, replies collected, or connections made and left. */
  readonly count: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of CPU that the generator used, and of time that passed. */
  readonly cpu: number;
  readonly wall: number;
}

export type Answer = { readonly outcome: Outcome } | { readonly error: string };
