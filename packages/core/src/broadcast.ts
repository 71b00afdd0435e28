import type { Group } from "./socket.js";

/** What a broadcast needs of a session. */
interface Receiving {
  readonly alive: boolean;
  readonly authenticated: boolean;
  /** Whether it gets what the server's group sends. */
  readonly isGrouped: boolean;
  /** Whether it takes so many bytes with the group; where it does not, it has left the group. */
  takesWithGroup(byteLength: number): boolean;
  joinGroup(): void;
  leaveGroup(): void;
  transmit(bytes: Uint8Array): boolean;
}

/** Hands the same bytes to every authenticated session; returns how many took them. One that fails stops nothing. */
export const broadcastBytes = <T extends Receiving>(
  sessions: Iterable<T>,
  group: Pick<Group, "send"> | undefined,
  bytes: Uint8Array,
  except: ReadonlySet<unknown>,
  failed: (session: T, error: unknown) => void,
): number => {
  let taken = 0;
  const absent: T[] = [];
  const alone: T[] = [];
  for (const session of sessions) {
    if (!session.alive || !session.authenticated) continue;
    if (except.has(session)) absent.push(session);
    else if (session.isGrouped && session.takesWithGroup(bytes.length)) taken++;
    else alone.push(session);
  }
  if (taken > 0) {
    const members = absent.filter((session) => session.isGrouped);
    for (const session of members) session.leaveGroup();
    group?.send(bytes);
    for (const session of members) session.joinGroup();
  }
  // Behind the group: a session that refuses may call the user's code, which may broadcast in its turn.
  for (const session of alone) {
    if (!session.alive) continue;
    try {
      if (session.transmit(bytes)) taken++;
    } catch (error) {
      failed(session, error);
    }
  }
  return taken;
};

/** `except` of a broadcast as a set: nobody, one client, or several. */
export const exceptions = <T extends object>(except: T | Iterable<T> = []): ReadonlySet<unknown> =>
  new Set(Symbol.iterator in except ? except : [except]);
