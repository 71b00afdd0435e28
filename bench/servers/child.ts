/** What every server process has in common: it tells its port, and answers what the kernel has counted of it. */

/** Sent once, when the server listens. */
export interface Ready {
  readonly port: number;
}

/** What the process has used so far: microseconds of CPU (user and system, all threads), and bytes. */
export interface Usage {
  readonly cpu: number;
  readonly rss: number;
  readonly heap: number;
}

/** `"usage"`, or `"settled usage"`, for which garbage is collected first. */
export type Question = "usage" | "settled usage";

const collectGarbage = (): void => {
  if (typeof Bun === "undefined") globalThis.gc?.();
  else Bun.gc(true);
};

const usage = (): Usage => {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpu: user + system, rss, heap: heapUsed + external };
};

/** Reports that the server listens; the process ends with its parent. */
export const listening = (port: number): void => {
  process.on("message", (question: Question) => {
    if (question === "settled usage") collectGarbage();
    process.send?.(usage());
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ port } satisfies Ready);
};
