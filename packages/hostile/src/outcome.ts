/** What came of one case on one row. */
export type Outcome = { readonly number: number; readonly milliseconds: number } & (
  | { readonly result: "pass"; readonly differs: readonly string[]; readonly canaryMs: number }
  | { readonly result: "fail"; readonly why: string }
  | { readonly result: "skip"; readonly why: string }
);

/** What a row's process tells the one that started it. */
export type Report =
  | { readonly outcome: Outcome }
  | { readonly obstacle: string }
  | { readonly wants: "machine" | "nothing" };

/** And what that tells it. */
export interface Grant {
  readonly machine: true;
}
