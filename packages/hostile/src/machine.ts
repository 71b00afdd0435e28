// What the kernel tells of a process; 0 where there is no /proc.
import { readFileSync } from "node:fs";

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
