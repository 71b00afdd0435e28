import assert from "node:assert/strict";
import { DEADLINE_MS, type HttpResponse, Random, until, Wire, type WireOptions, within } from "@ezez-ws/conformance";
import type { Canaries } from "./canaries.js";
import { CanaryWaited, Skipped } from "./case.js";
import type { ClientLab } from "./program/client-lab.js";
import type { Balance, Lab, ServerOptions, Setting } from "./program/lab.js";
import { Program } from "./program.js";
import { type Facts, type Row, STANDARD } from "./row.js";
import { socketsOf } from "./tcp.js";

/** What all cases of a row share. */
export interface Surroundings {
  readonly row: Row;
  readonly facts: Facts;
  readonly canaries: Canaries;
  /** How long a canary may wait for an answer. */
  readonly canaryMs: number;
  readonly seed: number;
}

interface ServeOptions {
  /** For the shell, before it becomes the server's process. */
  readonly shell?: string;
}

/** What one case works in. */
export class Arena {
  readonly surroundings: Surroundings;
  /** Capabilities that the case asserted and that are not as everywhere. */
  readonly differing = new Set<keyof Facts>();
  readonly #targets: Target[] = [];
  readonly #clients: Program<ClientLab>[] = [];

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
  }

  /** What the row is said to do, for the case to assert. */
  capability<K extends keyof Facts>(name: K): Facts[K] {
    const value = this.surroundings.facts[name];
    if (value !== STANDARD[name]) this.differing.add(name);
    return value;
  }

  /** The longest that any canary waited, once the case is over. */
  get canaryMs(): number {
    return Math.round(Math.max(0, ...this.#targets.map(({ canaryMs }) => canaryMs)));
  }

  /** Random numbers, the same for the same seed. */
  random(): Random {
    return new Random(this.surroundings.seed);
  }

  /**
   * A server in a process of its own, and a canary connected to it. Its setting is options, or a function that makes them,
   * and callbacks, in that process.
   */
  async serve<TArgument = undefined>(
    setting: ServerOptions | ((lab: Lab, argument: TArgument) => Setting) = {},
    argument?: TArgument,
    { shell }: ServeOptions = {},
  ): Promise<Target> {
    const { row, facts, canaries } = this.surroundings;
    const program = new Program<Lab>(row.command, row.program, shell);
    const target = new Target(program, this.surroundings);
    this.#targets.push(target);
    await program.ready();
    const make = typeof setting === "function" ? setting.toString() : `() => ({ options: ${JSON.stringify(setting)} })`;
    const defaults = {
      // Far more than a peer takes, also where the machine is busy.
      authTimeoutMs: 30_000,
      // Such a row's process ends only once the next ping of a peer that has vanished would be due.
      ...(facts.keepsUntilPing ? { heartbeatIntervalMs: 5000 } : {}),
    };
    target.port = await program.runSource(
      `(lab, { argument, defaults }) => lab.serve((${make})(lab, argument), defaults)`,
      { argument, defaults },
    );
    await target.watch(canaries);
    return target;
  }

  /** A process of clients. */
  async client(): Promise<Program<ClientLab>> {
    const program = new Program<ClientLab>([process.execPath], "client");
    this.#clients.push(program);
    await program.ready();
    return program;
  }

  /** How servers ended, whose end the case did not expect. */
  get dead(): string[] {
    return this.#targets.flatMap(({ death }) => death ?? []);
  }

  /** What has to hold of every server after every case. */
  async settle(): Promise<void> {
    for (const target of this.#targets) await target.settle();
  }

  /** Every process ends by itself; some runtimes take seconds for that. */
  async end(): Promise<void> {
    for (const target of this.#targets) await target.end();
    for (const client of this.#clients) {
      if (client.lives) {
        await client.run((lab) => {
          for (const one of lab.clients) one.close();
        });
        assert.deepEqual(await client.exited(), { code: 0, signal: null });
      }
      assert.deepEqual(client.unhandled, []);
    }
  }

  /** Leaves nothing behind, whatever happened. */
  async dispose(): Promise<void> {
    for (const target of this.#targets) await target.dispose();
    for (const client of this.#clients) if (client.lives) await client.kill();
  }
}

/** What a busy machine may add to a time that is asserted. */
export const MARGIN_MS = 10_000;

/**
 * Whether a peer that goes on sending sees this code. TCP resets where a peer's bytes were not all read, and then what was
 * not delivered yet is lost, the close frame among it: such a peer sees 1006.
 */
export const endedUnderFlood = async (wire: Wire, code: number): Promise<boolean> =>
  [code, 1006].includes((await wire.closing()).code);

// Sockets of peers that are gone: the longest that any runtime takes to notice, and to close them.
const BACK_MS = 20_000;

/** A server under attack. */
export class Target {
  port = 0;
  /** The longest that the canary waited, once the case is over. */
  canaryMs = 0;
  /** How long it may wait for an answer. */
  canaryMayWaitMs: number;
  readonly program: Program<Lab>;
  readonly #surroundings: Surroundings;
  readonly #wires: Wire[] = [];
  #canary: number | undefined;
  #balance: Balance | undefined;
  #sockets: number | undefined;
  #ended = false;

  constructor(program: Program<Lab>, surroundings: Surroundings) {
    this.program = program;
    this.#surroundings = surroundings;
    this.canaryMayWaitMs = surroundings.canaryMs;
  }

  async watch(canaries: Canaries): Promise<void> {
    this.#canary = await canaries.watch(this.port, this.program.pid);
    this.#balance = await this.run((lab) => lab.balance);
    this.#sockets = socketsOf(this.port);
  }

  // ---- Peers

  /** A peer whose upgrade request is under way; it is given up after the case. */
  peer(options?: WireOptions, port = this.port): Wire {
    const wire = new Wire(port, options);
    this.#wires.push(wire);
    return wire;
  }

  async open(options?: WireOptions, port?: number): Promise<Wire> {
    const wire = this.peer(options, port);
    const { status } = await within(wire.response, "the answer to the upgrade request");
    if (status !== 101) throw new Error(`the upgrade was refused with ${status}`);
    return wire;
  }

  async authenticated(options?: WireOptions, port?: number): Promise<Wire> {
    const wire = await this.open(options, port);
    await wire.authenticate();
    return wire;
  }

  async upgradeAnswer(options?: WireOptions): Promise<HttpResponse> {
    return within(this.peer(options).response, "the answer to the upgrade request");
  }

  /** Opens many at once, a hundred at a time. */
  async many<T>(count: number, open: (index: number) => Promise<T>): Promise<T[]> {
    const all: T[] = [];
    while (all.length < count) {
      const together = Math.min(100, count - all.length);
      all.push(...(await Promise.all(Array.from({ length: together }, (_, i) => open(all.length + i)))));
    }
    return all;
  }

  /** Another peer gets in and gets an answer. */
  async answersOthers(options?: WireOptions): Promise<void> {
    const wire = await this.authenticated(options);
    assert.equal(await this.echo(wire, "others"), "others");
    wire.close(1000);
    await wire.closed();
  }

  /** Sends `echo` and gives what comes back. */
  async echo(wire: Wire, value: unknown, milliseconds?: number): Promise<unknown> {
    wire.event("echo", value);
    return (await wire.next(milliseconds))[3];
  }

  // ---- The server's process

  run: Program<Lab>["run"] = (...parameters) => this.program.run(...parameters);

  /** Waits until the callback was called so often. */
  async called(name: keyof Lab["counts"], times = 1, milliseconds?: number): Promise<void> {
    const source = `(lab) => lab.count(${JSON.stringify(name)})`;
    const end = performance.now() + (milliseconds ?? DEADLINE_MS);
    for (;;) {
      const count = await this.program.runSource<number>(source, undefined);
      if (count >= times) return;
      if (performance.now() > end) throw new Error(`${name} was called ${count} times, not ${times}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Codes of the errors so far. */
  errors(): Promise<string[]> {
    return this.run((lab) => lab.errors);
  }

  /** Names and arguments of the messages dispatched so far. */
  messages(): Promise<unknown[][]> {
    return this.run((lab) => lab.messages);
  }

  /** The code and reason of each `onDisconnect`. */
  disconnects(): Promise<(readonly unknown[])[]> {
    return this.run((lab) => lab.given("onDisconnect"));
  }

  /** By how many bytes the process grew at the most while this ran. Skips the case where the system does not tell. */
  async growth(run: () => Promise<unknown>): Promise<number> {
    await this.run((lab) => lab.memory());
    this.program.forgetPeak();
    const before = this.program.peak;
    if (before === undefined) throw new Skipped("memory is read from /proc");
    await run();
    return (this.program.peak ?? 0) - before;
  }

  /** How long the loop was kept at the most until so many have left, in milliseconds, of the processor at most. */
  longestBlockUntilLeft(count: number): Promise<number> {
    const longest = this.run(
      (lab, count: number) =>
        lab.longestBlock(async () => {
          while (lab.count("onDisconnect") < count) await new Promise((resolve) => setTimeout(resolve, 5));
        }),
      count,
    );
    // Where the case fails before it asks.
    longest.catch(() => undefined);
    return longest;
  }

  /** Waits until the process has so many file descriptors open. Skips the case where the system does not tell. */
  async usesDescriptors(count: number): Promise<void> {
    const { descriptors } = this.program;
    if (descriptors === undefined) throw new Skipped("file descriptors are counted in /proc");
    await until(() => (this.program.descriptors ?? 0) >= count, `${count} file descriptors are open`, DEADLINE_MS);
  }

  /** The canary has waited for an answer for no longer than this so far. */
  async canaryWaited(): Promise<number> {
    return this.#canary === undefined ? 0 : this.#surroundings.canaries.report(this.#canary);
  }

  // ---- The end

  /** The case has ended the server itself; only what holds for it too is checked. */
  ended(): void {
    this.#ended = true;
  }

  get death(): string | undefined {
    const { exit, output } = this.program;
    return exit === undefined || this.#ended ? undefined : `a server ended: ${exit.code ?? exit.signal}\n${output}`;
  }

  /** A case that takes the loop itself lets the canary begin anew. */
  async freshCanary(): Promise<void> {
    const { canaries } = this.#surroundings;
    if (this.#canary !== undefined) await canaries.leave(this.#canary);
    this.#canary = await canaries.watch(this.port, this.program.pid);
  }

  /** Without the case's peers connections, replies and timers are back where they were. */
  async balances(): Promise<void> {
    for (const wire of this.#wires) wire.destroy();
    const baseline = this.#balance ?? { connections: 0, pendingReplies: 0, timers: 0 };
    const isBack = ({ connections, pendingReplies, timers }: Balance): boolean =>
      connections === 0 && pendingReplies === 0 && timers <= baseline.timers;
    const what = `connections, replies and timers are back at ${JSON.stringify(baseline)}`;
    await this.program.until((lab) => lab.balance, isBack, what, BACK_MS);
  }

  async settle(): Promise<void> {
    const { program } = this;
    if (this.#ended) return;
    assert.ok(program.lives, `the process lives\n${program.output}`);
    await this.balances();
    const { canaries } = this.#surroundings;
    const sockets = this.#sockets;
    if (sockets !== undefined) {
      await until(() => (socketsOf(this.port) ?? 0) <= sockets, `the server has ${sockets} sockets`, BACK_MS);
    }
    const worst = await this.canaryWaited();
    this.canaryMs = worst;
    if (worst > this.canaryMayWaitMs) throw new CanaryWaited(`the canary waited for ${Math.round(worst)} ms`);
    if (this.#canary !== undefined) await canaries.leave(this.#canary);
    await this.run(async (lab) => lab.server.close());
    const violations = await this.run((lab) => lab.violations);
    assert.deepEqual(violations, []);
  }

  async end(): Promise<void> {
    if (!this.#ended) assert.deepEqual(await this.program.exited(), { code: 0, signal: null });
    assert.deepEqual(this.program.unhandled, []);
  }

  async dispose(): Promise<void> {
    for (const wire of this.#wires) wire.destroy();
    if (this.program.lives) await this.program.kill();
  }
}
