import type { EventEmitter } from "node:events";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { vi } from "vitest";

/** How many there are of each kind. */
export type Census = Readonly<Record<string, number>>;

/** What a connection that is gone may have left: timers, handles, sockets, listeners. As far as the runtime tells. */
export const census = (emitters: readonly EventEmitter[]): Census =>
  Object.fromEntries(
    Object.entries({
      ...countBy(process.getActiveResourcesInfo()),
      "timer of Bun's": timersOfBun(),
      "simulated timer": vi.isFakeTimers() ? vi.getTimerCount() : 0,
      "open socket": openSockets(),
      ...countBy([process, ...emitters].flatMap(listenersOf)),
    }).sort(([a], [b]) => (a < b ? -1 : 1)),
  );

/** The kinds of which there are more than before. */
export const grown = (before: Census, now: Census): Census =>
  Object.fromEntries(Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0)));

const countBy = (kinds: readonly string[]): Census => {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

const listenersOf = (emitter: EventEmitter): string[] =>
  emitter
    .eventNames()
    .flatMap((name) =>
      emitter.listeners(name).map(() => `listener of ${emitter.constructor.name} for ${String(name)}`),
    );

/** Bun's `getActiveResourcesInfo` is always empty: https://bun.com/docs/runtime/nodejs-compat#process */
const timersOfBun = (): number => {
  if (!("Bun" in globalThis)) return 0;
  const { heapStats } = createRequire(import.meta.url)("bun:jsc") as {
    heapStats(): { protectedObjectTypeCounts: { Timeout?: number } };
  };
  return heapStats().protectedObjectTypeCounts.Timeout ?? 0;
};

/** As the system sees them, whatever the runtime tells; 0 where it has no such folder. */
const openSockets = (): number => {
  const folder = "/proc/self/fd";
  const isSocket = (file: string): boolean => {
    try {
      return readlinkSync(`${folder}/${file}`).startsWith("socket:");
    } catch {
      // Closed meanwhile, as that is which read the folder.
      return false;
    }
  };
  return existsSync(folder) ? readdirSync(folder).filter(isSocket).length : 0;
};
