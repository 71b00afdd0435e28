/** What a broadcast needs of a session. */
interface Receiving {
  readonly alive: boolean;
  readonly authenticated: boolean;
  transmit(bytes: Uint8Array): boolean;
}

/** Hands the same bytes to every authenticated session; returns how many took them. One that fails stops nothing. */
export const broadcastBytes = <T extends Receiving>(
  sessions: Iterable<T>,
  bytes: Uint8Array,
  except: ReadonlySet<unknown>,
  failed: (session: T, error: unknown) => void,
): number => {
  let taken = 0;
  for (const session of sessions) {
    if (!session.alive || !session.authenticated || except.has(session)) continue;
    try {
      if (session.transmit(bytes)) taken++;
    } catch (error) {
      failed(session, error);
    }
  }
  return taken;
};

/** `except` of a broadcast as a set: nobody, one client, or several. */
export const exceptions = <T extends object>(except: T | Iterable<T> | undefined): ReadonlySet<unknown> => {
  if (except === undefined) return new Set();
  return new Set(Symbol.iterator in except ? except : [except]);
};
