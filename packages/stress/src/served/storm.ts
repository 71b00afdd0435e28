import { setTimeout as sleep } from "node:timers/promises";
import type { Application, Server } from "./application.js";

/** What may wait for one peer. */
export const MAX_BACKPRESSURE = 256 * 1024;

export interface Storm {
  readonly broadcasts: number;
  readonly bytes: number;
  readonly everyMs: number;
}

/** The most that was held while it lasted. */
export interface StormLevels {
  readonly rssBytes: number;
  readonly bufferedBytes: number;
}

export interface StormCounts {
  /** How often `onError` was called, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Broadcasts when it is told to. */
export const storm = (server: () => Server): Application => {
  const errors: Record<string, number> = {};
  return {
    // On a busy machine the peers themselves are late.
    options: { maxBackpressure: MAX_BACKPRESSURE, authTimeoutMs: 20_000 },
    callbacks: {
      onAuthRequest: () => true,
      onError: (_, { code }) => {
        errors[code] = (errors[code] ?? 0) + 1;
      },
    },
    counts: (): StormCounts => ({ errors }),
    commands: {
      storm: async ({ broadcasts, bytes, everyMs }: Storm): Promise<StormLevels> => {
        const text = "x".repeat(bytes);
        let rssBytes = 0;
        let bufferedBytes = 0;
        for (let number = 1; number <= broadcasts; number++) {
          server().broadcast("news", [number, performance.timeOrigin + performance.now(), text]);
          rssBytes = Math.max(rssBytes, process.memoryUsage().rss);
          for (const { bufferedAmount } of server().clients) bufferedBytes = Math.max(bufferedBytes, bufferedAmount);
          await sleep(everyMs);
        }
        return { rssBytes, bufferedBytes };
      },
    },
  };
};
