import type { Lab } from "./lab.js";
import type { Row } from "./row.js";

/** Declares one case, which gets a lab of its own, and more time where it is long. */
export type Case = (sentence: string, run: (lab: Lab) => Promise<void>, timeoutMs?: number) => void;

/** Declares the cases of one area of the contract. */
export type Area = (given: {
  /** A case that may run beside others. */
  readonly it: Case;
  /** A case that needs the process for itself. */
  readonly alone: Case;
  readonly row: Row;
}) => void;
