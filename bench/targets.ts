/** What a figure is to be; docs/performance.md sets them beside what was measured. */
export interface Target {
  readonly metric: string;
  readonly server: string;
  /** Against which server, in the metric's terms; "base" is the server itself where nothing is piled up, "none" the bare figure. */
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const atLeast = (metric: string, server: string, against: string, value: number): Target => ({
  metric,
  server,
  against,
  atLeast: value,
});
const atMost = (metric: string, server: string, against: string, value: number): Target => ({
  metric,
  server,
  against,
  atMost: value,
});

const EZEZ = ["ezez-ws", "ezez-uws", "ezez-bun"];

export const TARGETS: readonly Target[] = [
  atLeast("small", "ezez-ws", "raw-ws", 1.5),
  atLeast("small", "ezez-ws", "socketio-ws", 3.5),
  atLeast("small", "ezez-uws", "raw-uws", 0.4),
  atLeast("small", "ezez-uws", "socketio-uws", 2.5),
  atLeast("small", "ezez-bun", "raw-bun", 0.4),
  atLeast("object", "ezez-ws", "raw-ws", 1),
  atLeast("object", "ezez-ws", "socketio-ws", 2.5),
  atLeast("object", "ezez-uws", "socketio-uws", 3),
  atLeast("object", "ezez-bun", "raw-bun", 0.25),
  atLeast("64KiB", "ezez-ws", "raw-ws", 0.9),
  atLeast("64KiB", "ezez-uws", "raw-uws", 0.85),
  atLeast("64KiB", "ezez-bun", "raw-bun", 0.85),
  ...EZEZ.map((server) => atLeast("window1", server, server.replace("ezez-", "raw-"), 0.9)),
  atLeast("broadcast", "ezez-ws", "socketio-ws", 5),
  atLeast("broadcast", "ezez-uws", "raw-uws", 0.9),
  atLeast("broadcast", "ezez-bun", "raw-bun", 0.9),
  atMost("rss", "ezez-ws", "raw-ws", 3),
  atMost("rss", "ezez-uws", "none", 4),
  atMost("rss", "ezez-bun", "none", 5),
  ...EZEZ.map((server) => atMost("idle+busy", server, "base", 1.2)),
  ...EZEZ.map((server) => atMost("idle+connect", server, "base", 1.2)),
  // As many cost no more than few, but for noise.
  ...EZEZ.map((server) => atMost("pending", server, "base", 1.1)),
];
