import type { Arena } from "./arena.js";

/** One hostile peer or fault, and what the server has to make of it. */
export interface Case {
  readonly number: number;
  /** One line of the table. */
  readonly title: string;
  /**
   * `busy`: needs the machine for itself, since it floods or measures. `waits`: mostly waits, beside any number of others.
   * @defaultValue neither
   */
  readonly pace?: "busy" | "waits";
  readonly run: (arena: Arena) => Promise<void>;
}

/** A case that this row or this machine cannot run; the message says why. */
export class Skipped extends Error {}

/** The canary waited for too long. On a machine that does other things it may not have been the server's doing. */
export class CanaryWaited extends Error {}
