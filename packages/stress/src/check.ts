/** One promise, and whether it was kept. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
  /** What was measured. */
  readonly found: string;
}

export const check = (what: string, holds: boolean, found: string | number): Check => ({
  what,
  holds,
  found: String(found),
});

/** Prints a line for each, under a name; returns whether all hold. */
export const printChecks = (name: string, checks: readonly Check[]): boolean => {
  for (const { what, holds, found } of checks)
    console.log(`${holds ? "ok    " : "BROKEN"} ${name}: ${what} (${found})`);
  return checks.every(({ holds }) => holds);
};

export const MiB = 1024 * 1024;

/** Bytes as MiB, with two decimals. */
export const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(2)} MiB`;
