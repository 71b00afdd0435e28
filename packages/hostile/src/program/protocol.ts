/** A function of a case, to be called in the program. */
export interface Request {
  readonly id: number;
  readonly source: string;
  readonly argument: unknown;
}

export type Answer =
  | { readonly ready: true; readonly capabilities: unknown }
  | { readonly obstacle: string }
  | { readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly unhandled: string };

/** Lines of ours begin with it; the rest is what the program prints. */
export const MARK = "\u0001";

/** The path of the connection that watches the server: the case and its callbacks see nothing of it. */
export const CANARY_URL = "/?canary";
