// What the kernel tells of a process; undefined or nothing where there is no /proc.
import { readdirSync, readFileSync } from "node:fs";

/**
 * Milliseconds for which the process was ready to run and another one ran instead: nobody's doing but the machine's.
 * https://docs.kernel.org/scheduler/sched-stats.html
 */
export const waitedForCpu = (pid: number): number => {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
};

/** How many files a process has open. */
export const openFiles = (pid: number): number | undefined => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
};
