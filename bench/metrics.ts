/** One thing that is measured, a line of the table for each server. */
export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly unit: "us" | "KiB";
  /**
   * What the ratio is: throughput per CPU against another server's; the difference to another server; or the cost against
   * this server's own where nothing is piled up.
   */
  readonly compare: "throughput" | "difference" | "growth";
}

const throughput = (name: string, title: string): Metric => ({ name, title, unit: "us", compare: "throughput" });

export const METRICS: readonly Metric[] = [
  throughput("small", "small, 50 connections x 20"),
  throughput("object", "object of 200 B, 50 x 20"),
  throughput("1KiB", "1 KiB binary, 50 x 20"),
  throughput("64KiB", "64 KiB binary, 50 x 20"),
  throughput("window1", "small, 200 connections x 1"),
  throughput("broadcast", "20 broadcasts to 1,000, per frame"),
  throughput("broadcast1", "one broadcast to 1,000, per frame"),
  throughput("ask", "ask 1,000, per reply"),
  throughput("connect", "connect, authenticate, leave"),
  { name: "rss", title: "5,000 idle, RSS per connection", unit: "KiB", compare: "difference" },
  { name: "heap", title: "5,000 idle, heap per connection", unit: "KiB", compare: "difference" },
  { name: "idle+busy", title: "small, 50 busy beside 5,000 idle", unit: "us", compare: "growth" },
  { name: "idle+connect", title: "connect and leave beside 5,000 idle", unit: "us", compare: "growth" },
  { name: "pending", title: "reply, 100,000 others pending", unit: "us", compare: "growth" },
];

export const metricOf = (name: string): Metric => {
  const metric = METRICS.find((one) => one.name === name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return metric;
};
