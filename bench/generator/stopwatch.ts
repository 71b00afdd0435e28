import type { Outcome } from "./commands.js";

const BUCKET_US = 10;
const BUCKETS = 200_000;

/** Counts, and keeps latencies in buckets of 10 microseconds. */
export class Stopwatch {
  #count = 0;
  readonly #buckets = new Uint32Array(BUCKETS);
  #timed = 0;
  readonly #cpu = process.cpuUsage();
  readonly #start = performance.now();

  count(done: number): void {
    this.#count += done;
  }

  /** One more that took this long. */
  record(milliseconds: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.floor((milliseconds * 1000) / BUCKET_US));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#timed++;
  }

  outcome(): Outcome {
    const { user, system } = process.cpuUsage(this.#cpu);
    const wall = (performance.now() - this.#start) * 1000;
    return { count: this.#count, p50: this.#percentile(0.5), p99: this.#percentile(0.99), cpu: user + system, wall };
  }

  #percentile(share: number): number {
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket] ?? 0;
      if (seen > 0 && seen >= share * this.#timed) return (bucket + 0.5) * BUCKET_US;
    }
    return 0;
  }
}
