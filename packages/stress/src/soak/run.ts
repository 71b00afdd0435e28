import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "@ezez-ws/conformance";
import type { AdapterName } from "../adapters.js";
import { type Check, check, inMiB, MiB } from "../check.js";
import type { Levels } from "../served/meters.js";
import type { SoakCounts } from "../served/soak.js";
import { ServerProcess } from "../server-process.js";
import { Load, type LoadOptions } from "./load.js";
import { growthPerSecond } from "./trend.js";

export interface SoakOptions {
  readonly adapter: AdapterName;
  readonly minutes: number;
  readonly seed: number;
  readonly load: LoadOptions;
  /** Called for each sample, as it is taken. */
  readonly sampled: (sample: Sample) => void;
}

export interface Sample extends Levels {
  readonly seconds: number;
  readonly messages: number;
  /** Nothing was under way: everything can be counted. */
  readonly quiet: boolean;
}

export interface SoakReport {
  readonly adapter: AdapterName;
  readonly seed: number;
  readonly minutes: number;
  readonly warmUpSeconds: number;
  readonly messages: number;
  readonly messagesPerSecond: number;
  readonly connections: number;
  readonly faults: { readonly reset: number; readonly malformed: number; readonly stalled: number };
  readonly heapGrowthBytesPerHour: number;
  readonly errors: SoakCounts["errors"];
  readonly checks: readonly Check[];
  readonly samples: readonly Sample[];
}

const LONGEST_SAMPLE_MS = 5000;
const SAMPLES = 60;
const QUIET_EVERY_S = 300;
// uWebSockets.js keeps a socket that it has closed for up to 16 s, where the peer does not end it.
const QUIET_MS = 40_000;
const HOUR_S = 3600;
// A run shorter than this is too short to say what an hour would bring.
const LONG_S = 1800;
// Of a server with connections and nothing under way: pings, and the sweep of replies.
const TIMERS = 2;

/** Loads a server for some minutes, and watches what it holds. */
export const runSoak = async (options: SoakOptions): Promise<SoakReport> => {
  const server = await ServerProcess.start(options.adapter, "soak");
  try {
    return await new Soak(server, options).run();
  } finally {
    server.kill();
  }
};

class Soak {
  readonly #server: ServerProcess;
  readonly #options: SoakOptions;
  readonly #load: Load;
  readonly #samples: Sample[] = [];
  readonly #checks: Check[] = [];
  readonly #seconds: number;
  readonly #warmUp: number;
  readonly #sampleMs: number;
  #start = 0;
  #counts: SoakCounts | undefined;
  #uncounted = 0;

  constructor(server: ServerProcess, options: SoakOptions) {
    this.#server = server;
    this.#options = options;
    this.#load = new Load(server.port, new Random(options.seed), options.load);
    this.#seconds = options.minutes * 60;
    this.#sampleMs = Math.min(LONGEST_SAMPLE_MS, (this.#seconds * 1000) / SAMPLES);
    this.#warmUp = Math.min(this.#seconds / 4, 600);
  }

  async run(): Promise<SoakReport> {
    const before = await this.#levels();
    await this.#load.connect();
    this.#start = performance.now();
    await this.#loadFor(this.#warmUp);
    // What is allocated once, and at first use, is there now.
    const warm = await this.#quiet("after the warm-up", before);
    for (let left = this.#left(); left > 0; left = this.#left()) {
      await this.#loadFor(Math.min(left, QUIET_EVERY_S));
      await this.#quiet(`after ${Math.round(this.#elapsed() / 60)} min`, before, warm.listeners);
    }
    const minutes = this.#elapsed() / 60;
    await this.#end(before);
    return this.#report(minutes);
  }

  #elapsed(): number {
    return (performance.now() - this.#start) / 1000;
  }

  #left(): number {
    return this.#seconds - this.#elapsed();
  }

  async #levels(): Promise<Levels> {
    const { levels, counts } = await this.#server.ask<{ levels: Levels; counts: SoakCounts }>("sample");
    this.#counts = counts;
    if (levels.pendingReplies !== counts.pendingReplies) this.#uncounted++;
    return levels;
  }

  async #sample(quiet: boolean): Promise<Levels> {
    const levels = await this.#levels();
    const sample = { seconds: this.#elapsed(), messages: this.#counts?.messages ?? 0, quiet, ...levels };
    this.#samples.push(sample);
    this.#options.sampled(sample);
    return levels;
  }

  async #loadFor(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    await this.#server.ask("talk");
    this.#load.start();
    for (let left = seconds * 1000; left > 0; left = end - performance.now()) {
      await sleep(Math.min(left, this.#sampleMs));
      await this.#sample(false);
    }
    await this.#server.ask("hush");
    await this.#load.stop();
  }

  /** With nothing under way, what is held is what is connected. */
  async #quiet(when: string, before: Levels, listeners?: number): Promise<Levels> {
    const { connections } = this.#options.load;
    const levels = await this.#settled((now) => isAs(now, before, connections));
    const { handles, timers, pendingReplies } = levels;
    const found = `${levels.connections} connections, ${handles - before.handles} handles, ${timers} timers, ${pendingReplies} pending replies, ${levels.listeners} listeners`;
    const same = listeners === undefined || levels.listeners === listeners;
    const holds = isAs(levels, before, connections) && same;
    this.#checks.push(check(`${when} everything held belongs to one of ${connections} connections`, holds, found));
    return levels;
  }

  async #end(before: Levels): Promise<void> {
    await this.#load.leave();
    const levels = await this.#settled((now) => isAs(now, before, 0) && now.listeners === before.listeners);
    const { connections, handles, timers, pendingReplies } = levels;
    const rest = `${connections} connections, ${handles - before.handles} handles, ${timers} timers, ${pendingReplies} pending replies, ${levels.listeners - before.listeners} listeners`;
    const nothing = isAs(levels, before, 0) && levels.listeners === before.listeners;
    this.#checks.push(check("nothing is left of connections that have ended", nothing, rest));
    await this.#server.close();
    const code = await this.#server.ended;
    this.#checks.push(check("the process ends with 0", code === 0, code));
  }

  /** Samples until what is held is as it should be, or the time is over. */
  async #settled(holds: (levels: Levels) => boolean): Promise<Levels> {
    const end = performance.now() + QUIET_MS;
    for (;;) {
      const levels = await this.#levels();
      if (holds(levels) || performance.now() > end) return this.#sample(true);
      await sleep(250);
    }
  }

  #report(minutes: number): SoakReport {
    const { adapter, seed } = this.#options;
    const { broken, counts } = this.#load;
    const measured = this.#samples.filter(({ seconds, quiet }) => !quiet && seconds >= this.#warmUp);
    const perSecond = growthPerSecond(measured.map(({ seconds, heapBytes }) => ({ seconds, value: heapBytes })));
    const span = this.#seconds - this.#warmUp;
    const [per, over] = span >= LONG_S ? ["an hour", HOUR_S] : [`these ${Math.round(span)} s`, span];
    const messages = this.#counts?.messages ?? 0;
    return {
      adapter,
      seed,
      minutes,
      warmUpSeconds: this.#warmUp,
      messages,
      messagesPerSecond: messages / minutes / 60,
      connections: counts.connected,
      faults: { reset: counts.reset, malformed: counts.malformed, stalled: counts.stalled },
      heapGrowthBytesPerHour: perSecond * HOUR_S,
      errors: this.#counts?.errors ?? {},
      checks: [
        check(`the heap grows less than 1 MiB in ${per}`, perSecond * over < MiB, inMiB(perSecond * over)),
        ...this.#checks,
        check(
          "pending replies are those of the questions asked, in every sample",
          this.#uncounted === 0,
          this.#uncounted,
        ),
        check(
          "every answer to the server is the right one",
          this.#counts?.wrongAnswers === 0,
          `${this.#counts?.wrongAnswers}`,
        ),
        check(
          "peers get what they should, in order",
          broken.size === 0,
          [...broken].map(([what, example]) => `${what}: ${example}`).join("; ") ||
            `${counts.answered} answers, ${counts.news} news`,
        ),
      ],
      samples: this.#samples,
    };
  }
}

/** Each connection holds a handle; the server two timers where it has any. */
const isAs = (levels: Levels, before: Levels, connections: number): boolean =>
  levels.connections === connections &&
  levels.handles === before.handles + connections &&
  levels.timers === (connections === 0 ? 0 : TIMERS) &&
  levels.pendingReplies === 0;
