import { readFileSync } from "node:fs";

const LISTEN = "0A";

/** Sockets on this local port that a process holds, as the kernel tells; undefined where there is no /proc. */
export const socketsOf = (port: number): number | undefined => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let count = 0;
  try {
    for (const table of ["tcp", "tcp6"]) {
      for (const line of readFileSync(`/proc/net/${table}`, "utf8").split("\n").slice(1)) {
        // sl, local_address, rem_address, st, queues, tr, retrnsmt, uid, timeout, inode
        const [, address = "", , state, , , , , , inode] = line.trim().split(/\s+/);
        // No process holds those without an inode, such as those in TIME_WAIT.
        if (address.endsWith(local) && state !== LISTEN && inode !== "0") count++;
      }
    }
    return count;
  } catch {
    return undefined;
  }
};
