import { until } from "@ezez-ws/conformance";
import type { AdapterName } from "../adapters.js";
import { type Check, check, inMiB, MiB } from "../check.js";
import { Peer } from "../peer.js";
import { MAX_BACKPRESSURE, type Storm, type StormCounts, type StormLevels } from "../served/storm.js";
import { ServerProcess } from "../server-process.js";

/** How many peers read, and how many do not. */
export interface SlowOptions {
  readonly adapter: AdapterName;
  readonly readers: number;
  readonly stalled: number;
}

const MESSAGE_BYTES = 64 * 1024;
// More than the kernel's buffers and the library's take together.
const BROADCASTS = 80;
const BYTES_PER_SECOND = 128 * MiB;
const HEADER_BYTES = 200;
const MOST_SLOWER = 2;
// Below this the ratio is that of two chances.
const LEAST_MS = 10;
// What else the machine does can only make it slower; a peer that holds up others does so each time.
const ROUNDS = 3;
const CONNECTING = 20;
const QUIET_MS = 30_000;
const SLACK_BYTES = 32 * MiB;

interface Round {
  readonly ratio: number;
  readonly checks: readonly Check[];
}

/** A broadcast storm to peers of which some read nothing, beside the same storm without them. */
export const checkSlow = async (options: SlowOptions): Promise<readonly Check[]> => {
  let round = await playRound(options);
  for (let i = 1; i < ROUNDS && round.ratio > MOST_SLOWER; i++) round = await playRound(options);
  return round.checks;
};

const playRound = async ({ adapter, readers: count, stalled: stalledCount }: SlowOptions): Promise<Round> => {
  const server = await ServerProcess.start(adapter, "storm");
  try {
    const storm: Storm = {
      broadcasts: BROADCASTS,
      bytes: MESSAGE_BYTES,
      everyMs: ((MESSAGE_BYTES * (count + stalledCount)) / BYTES_PER_SECOND) * 1000,
    };
    const readers = await connectAll(server.port, count);
    const alone = await playStorm(server, storm, readers);
    const stalled = await connectAll(server.port, stalledCount);
    for (const { peer } of stalled) peer.pause();
    const beside = await playStorm(server, storm, readers);
    for (const { peer } of stalled) peer.resume();
    await until(() => stalled.every(({ peer }) => !peer.isOpen), "the stalled have ended", QUIET_MS).catch(
      () => undefined,
    );
    const complete = readers.every(({ peer, broken }) => peer.isOpen && broken === undefined);
    const { counts } = await server.ask<{ counts: StormCounts }>("sample");
    await server.close();

    const ratio = beside.p99 / Math.max(alone.p99, LEAST_MS);
    const mostBuffered = MAX_BACKPRESSURE + MESSAGE_BYTES + HEADER_BYTES;
    const mostGrown = stalledCount * mostBuffered + SLACK_BYTES;
    const grown = beside.rssBytes - alone.rssBytes;
    const whole = stalled.filter(({ broken }) => broken === undefined).length;
    return {
      ratio,
      checks: [
        check(
          `${count} readers get all ${BROADCASTS} broadcasts in order`,
          complete,
          readers.find(({ broken }) => broken !== undefined)?.broken ?? `${count * BROADCASTS} twice`,
        ),
        check(
          `with ${stalledCount} stalled beside them their p99 is at most ${MOST_SLOWER} times what it is without`,
          ratio <= MOST_SLOWER,
          `${alone.p99.toFixed(1)} ms without, ${beside.p99.toFixed(1)} ms with`,
        ),
        check(
          "for no peer more waits than maxBackpressure and one message",
          beside.bufferedBytes <= mostBuffered,
          `${inMiB(beside.bufferedBytes)} of ${inMiB(mostBuffered)}`,
        ),
        check(
          "resident memory grows no more than what may wait for the stalled",
          grown <= mostGrown,
          `${inMiB(grown)}, at most ${inMiB(mostGrown)}`,
        ),
        check(
          "the stalled are closed, and got what they got in order",
          counts.errors.SLOW_CONSUMER === stalledCount && whole === stalledCount,
          `${counts.errors.SLOW_CONSUMER} slow consumers, ${whole} in order`,
        ),
      ],
    };
  } finally {
    server.kill();
  }
};

// ---- Readers

interface Reader {
  readonly peer: Peer;
  readonly latencies: number[];
  last: number;
  broken: string | undefined;
}

const connectReader = async (port: number): Promise<Reader> => {
  const reader = { latencies: [] as number[], last: 0, broken: undefined as string | undefined };
  const peer = await Peer.connect(port, {
    message: ([, , , number, at]) => {
      if (number !== reader.last + 1) reader.broken ??= `${String(number)} behind ${reader.last}`;
      reader.last = Number(number);
      reader.latencies.push(performance.timeOrigin + performance.now() - Number(at));
    },
    end: () => undefined,
  });
  return Object.assign(reader, { peer });
};

/** A few at a time. */
const connectAll = async (port: number, count: number): Promise<Reader[]> => {
  const readers: Reader[] = [];
  while (readers.length < count) {
    const some = Math.min(CONNECTING, count - readers.length);
    readers.push(...(await Promise.all(Array.from({ length: some }, () => connectReader(port)))));
  }
  return readers;
};

const playStorm = async (
  server: ServerProcess,
  storm: Storm,
  readers: readonly Reader[],
): Promise<StormLevels & { readonly p99: number }> => {
  for (const reader of readers) {
    reader.last = 0;
    reader.latencies.length = 0;
  }
  const levels = await server.ask<StormLevels>("storm", storm, storm.broadcasts * storm.everyMs + QUIET_MS);
  const done = (): boolean => readers.every(({ peer, last }) => last === storm.broadcasts || !peer.isOpen);
  await until(done, "everybody has everything", QUIET_MS).catch(() => undefined);
  for (const reader of readers) if (reader.last < storm.broadcasts) reader.broken ??= `nothing behind ${reader.last}`;
  const latencies = Float64Array.from(readers.flatMap((reader) => reader.latencies)).sort();
  return { ...levels, p99: latencies[Math.floor(latencies.length * 0.99)] ?? Infinity };
};
