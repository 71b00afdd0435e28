import { CloseCode } from "@ezez-ws/core";

const SHORTEST_MS = 500;
const LONGEST_MS = 30_000;
const RATE_LIMITED_MS = 5000;

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
